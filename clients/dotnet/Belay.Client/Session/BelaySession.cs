// One session with a broker: a duplex stream, its two loops, and what hangs on it.
//
// Invariants
//   - A session ends once, whoever ends it (this side, the broker, the network); then every request, call and scan
//     fails with one reason, and every hosted callback is released (W4, W5).
//   - Nothing is sent before Hello; nothing but Hello before Welcome.
//   - Completion ends after all of that has been set going; it never fails.
//
// Thread safety: every member from any thread, except OnWelcome and OnPong, which are the reader's.
using System.Collections.Concurrent;
using Belay.Client.Grpc;
using Google.Protobuf;

namespace Belay.Client.Session;

/// <summary>A session.</summary>
internal sealed class BelaySession : IAsyncDisposable
{
    /// <summary>Bytes of a frame where the broker states no bound: gRPC's own.</summary>
    private const int DefaultMaxFrameBytes = 4 * 1024 * 1024;

    /// <summary>What a call or result may have in a frame besides its payload.</summary>
    private const int CallOverheadBytes = 1024;

    /// <summary>Calls in flight where the broker states no bound.</summary>
    private const int DefaultMaxCalls = 65536;

    private readonly IGrpcDuplexCall<Wire.ClientFrame, Wire.ServerFrame> _call;
    private readonly SessionReader _reader;
    private readonly TaskCompletionSource<Wire.Welcome> _welcome = new(
        TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<ulong, TaskCompletionSource> _pings = new();
    private readonly string _target;
    private OutgoingCalls? _calls;
    private ulong _lastNonce;
    private volatile bool _closing;
    private volatile Func<CallCertainty, BelayException>? _over;
    private int _maxFrameBytes = DefaultMaxFrameBytes;

    private BelaySession(IGrpcDuplexCall<Wire.ClientFrame, Wire.ServerFrame> call, string target)
    {
        _call = call;
        _target = target;
        _reader = new SessionReader(this);
        Outbox = new Outbox();
        Hosting = new Hosting(Outbox);
        Requests = new Requests(Outbox, Hosting);
        Scans = new Scans();
    }

    /// <summary>What goes to the broker.</summary>
    public Outbox Outbox { get; }

    /// <summary>What this process hosts.</summary>
    public Hosting Hosting { get; }

    /// <summary>Requests without an answer.</summary>
    public Requests Requests { get; }

    /// <summary>Calls without a result.</summary>
    public OutgoingCalls Calls => _calls!;

    /// <summary>Scans in progress.</summary>
    public Scans Scans { get; }

    /// <summary>What the broker said when the session began.</summary>
    public Wire.Welcome Welcome => _welcome.Task.Result;

    /// <summary>Ends when the session is over.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Opens a session.</summary>
    /// <exception cref="BelayException">It could not be had.</exception>
    public static async Task<BelaySession> OpenAsync(
        IGrpcChannel channel, Wire.Hello hello, CancellationToken cancellationToken)
    {
        IGrpcDuplexCall<Wire.ClientFrame, Wire.ServerFrame> call;
        try
        {
            call = await channel.DuplexAsync(WireMethods.Session, default, cancellationToken).ConfigureAwait(false);
        }
        catch (GrpcException e)
        {
            throw WireStatus.OfGrpc(e);
        }

        var session = new BelaySession(call, channel.Target);
        session.Outbox.Post(new Wire.ClientOperation { Hello = hello });
        using (ExecutionContext.SuppressFlow()) // the loops outlive whatever surrounds the opening
            _ = Task.Run(session.RunAsync, CancellationToken.None);
        try
        {
            await session._welcome.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            return session;
        }
        catch
        {
            session._call.Abort();
            await session.Completion.ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Sends a request of this session's and waits for the answer, whose status is OK.</summary>
    public ValueTask<Wire.Reply> SendAsync(
        Func<ulong, Wire.ClientOperation> request, CancellationToken cancellationToken, HostedCallback? offered = null)
    {
        var id = Requests.NextId();
        var operation = request(id);
        var size = operation.CalculateSize();
        if (size + Outbox.OverheadBytes > _maxFrameBytes)
        {
            offered?.End();
            return ValueTask.FromException<Wire.Reply>(new BelayException(
                BelayStatus.ResourceExhausted, "FRAME_TOO_LARGE",
                $"the request has {size} bytes; the broker takes {_maxFrameBytes} in a frame (max_frame_bytes)",
                CallCertainty.NotSent));
        }

        return Requests.SendAsync(id, operation, cancellationToken, offered);
    }

    /// <summary>Closes a handle; ends when the broker has done so.</summary>
    public async ValueTask ReleaseAsync(ulong handle, CancellationToken cancellationToken)
    {
        // The release itself is not to be taken back: only the waiting can be.
        var release = SendAsync(
            id => new Wire.ClientOperation { Release = new Wire.Release { RequestId = id, Handle = handle } },
            CancellationToken.None);
        await release.AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits until the broker has applied all that was sent before.</summary>
    public async Task PingAsync(CancellationToken cancellationToken)
    {
        var nonce = Interlocked.Increment(ref _lastNonce);
        var pong = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _pings[nonce] = pong;
        try
        {
            Outbox.Post(new Wire.ClientOperation { Ping = new Wire.Ping { Nonce = nonce } });
            if (_over is { } over)
                throw over(CallCertainty.NotSent);
            await pong.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _pings.TryRemove(nonce, out _);
        }
    }

    /// <summary>The broker takes us.</summary>
    public void OnWelcome(Wire.Welcome welcome)
    {
        if (_calls is not null)
            throw new GrpcException(GrpcCode.Internal, "the broker broke the protocol: a second Welcome");
        var limits = welcome.Limits ?? new Wire.Limits();
        if (limits.MaxFrameBytes > 0)
            _maxFrameBytes = (int)Math.Min(limits.MaxFrameBytes, int.MaxValue);
        Hosting.MaxPayloadBytes = limits.MaxPayloadBytes > 0
            ? limits.MaxPayloadBytes
            : Math.Max(0, _maxFrameBytes - CallOverheadBytes);
        var maxCalls = limits.MaxCallsInFlight > 0 ? Math.Min(limits.MaxCallsInFlight, int.MaxValue) : DefaultMaxCalls;
        _calls = new OutgoingCalls(Outbox, Hosting.MaxPayloadBytes, (int)maxCalls);
        _welcome.TrySetResult(welcome);
    }

    /// <summary>The broker has applied what came before a ping.</summary>
    public void OnPong(ulong nonce)
    {
        if (_pings.TryGetValue(nonce, out var pong))
            pong.TrySetResult();
    }

    /// <summary>Ends the session in good order: what is queued is sent, then the stream is closed.</summary>
    /// <param name="patience">How long the broker may take.</param>
    public async Task CloseAsync(TimeSpan patience)
    {
        _closing = true;
        Outbox.Complete();
        try
        {
            await Completion.WaitAsync(patience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _call.Abort();
            await Completion.ConfigureAwait(false);
        }
    }

    /// <summary>Ends the session at once. Does not wait.</summary>
    public void Abort()
    {
        _closing = true;
        _call.Abort();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Abort();
        await Completion.ConfigureAwait(false);
    }

    private async Task RunAsync()
    {
        var writing = Outbox.RunAsync(_call, () => _maxFrameBytes);
        _ = writing.ContinueWith(
            _ => _call.Abort(), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        Exception? error = null;
        try
        {
            await _reader.RunAsync(_call).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever ends the reader ends the session, and is told to all who wait.
        catch (Exception e)
#pragma warning restore CA1031
        {
            error = e;
        }

        Outbox.Complete();
        _call.Abort();
        try
        {
            await writing.ConfigureAwait(false);
        }
        catch (GrpcException e)
        {
            if (error is null or GrpcException { Code: GrpcCode.Cancelled })
                error = e;
        }

        End(error);
        await _call.DisposeAsync().ConfigureAwait(false);
        _completion.TrySetResult();
    }

    private void End(Exception? error)
    {
        var over = Reason(error);
        _over = over;
        _welcome.TrySetException(over(CallCertainty.Unspecified));
        _ = _welcome.Task.Exception; // observed: nobody may be waiting
        Requests.FailAll(over);
        _calls?.FailAll(over);
        Scans.FailAll(over(CallCertainty.Started));
        Hosting.EndAll();
        foreach (var pong in _pings.Values)
            pong.TrySetException(over(CallCertainty.SentUnknown));
    }

    private static bool IsBreachOfProtocol(GrpcException error) =>
        error.Code is GrpcCode.Internal or GrpcCode.ResourceExhausted
        && error.InnerException is null or InvalidProtocolBufferException;

    /// <summary>Why the session is over, for an operation that got so far.</summary>
    private Func<CallCertainty, BelayException> Reason(Exception? error)
    {
        if (_closing)
            return certainty => new BelayException(
                BelayStatus.Closed, "SESSION_CLOSED", $"the client of {_target} was disposed", certainty);
        if (_reader.Goodbye is { Code: not 0 } goodbye)
            return certainty => new BelayException(
                (BelayStatus)goodbye.Code, goodbye.Reason,
                $"{_target} ended the session: {goodbye.Message}", certainty, error);
        // A broken protocol is no lost connection: what came over it was wrong, and would be again.
        if (error is GrpcException grpc && (_calls is null || IsBreachOfProtocol(grpc)))
        {
            var cause = WireStatus.OfGrpc(grpc);
            return certainty => new BelayException(cause.Status, cause.Reason, cause.Detail, certainty, grpc);
        }

        var text = error is null
            ? $"{_target} ended the session"
            : $"the session with {_target} was lost: {error.Message}";
        return certainty => new BelayException(BelayStatus.Unavailable, "SESSION_LOST", text, certainty, error);
    }
}
