// A client's session with a broker: its tables, and the loop that gives it one connection after the other. What becomes
// of it when a connection is lost is in BelaySession.Loss.cs.
//
// Life. It outlives connections (Line), and may outlive the broker's session: then everything unanswered ends, and
// what Hosting and Recovery know is put back into a new one. What the program asks for meanwhile waits in the outbox.
//
// Invariants
//   - It ends once, whoever ends it (this side, the broker, the network); then every request, call and scan fails with
//     one reason, and every hosted callback is released (W4, W5).
//   - Completion ends after all of that has been set going; it never fails.
//
// Thread safety: every member from any thread, except OnWelcome, OnReply and OnPong, which are the reader's, and Refuse
// and BeginAsync, which are the writer's.
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Belay.Client.Grpc;
using SessionCall = Belay.Client.Grpc.IGrpcDuplexCall<Belay.V1.ClientFrame, Belay.V1.ServerFrame>;

namespace Belay.Client.Session;

/// <summary>A session.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Without timer and wait handle there is nothing to dispose.")]
internal sealed partial class BelaySession : IAsyncDisposable
{
    /// <summary>Bytes of a frame where the broker states no bound: gRPC's own.</summary>
    private const int DefaultMaxFrameBytes = 4 * 1024 * 1024;

    /// <summary>What a call or result may have in a frame besides its payload.</summary>
    private const int CallOverheadBytes = 1024;

    /// <summary>Calls in flight where the broker states no bound.</summary>
    private const int DefaultMaxCalls = 65536;

    private readonly SessionOptions _options;
    private readonly TaskCompletionSource<Wire.Welcome> _welcome = new(
        TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<ulong, TaskCompletionSource> _pings = new();
    private readonly CancellationTokenSource _aborted = new();
    private readonly SessionEvents _events;
    private OutgoingCalls? _calls;
    private ulong _lastNonce;
    private volatile bool _closing;
    private volatile bool _isDown;
    private volatile Func<CallCertainty, BelayException>? _over;
    private volatile Wire.Welcome? _current;

    private BelaySession(SessionOptions options)
    {
        _options = options;
        _events = options.Events;
        Line = new Line(options.Hello);
        Recovery = new Recovery();
        Outbox = new Outbox();
        Hosting = new Hosting(Outbox, Recovery);
        Requests = new Requests(Outbox, Hosting, Recovery);
        Scans = new Scans();
    }

    /// <summary>The numbering of what goes both ways.</summary>
    public Line Line { get; }

    /// <summary>Handles across sessions.</summary>
    public Recovery Recovery { get; }

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

    /// <summary>What the broker said when the session, or the one that took its place, began.</summary>
    public Wire.Welcome Welcome => _current!;

    /// <summary>Bytes that a frame may have.</summary>
    public int MaxFrameBytes { get; private set; } = DefaultMaxFrameBytes;

    /// <summary>Ends when the session is over for good.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Opens a session.</summary>
    /// <exception cref="BelayException">It could not be had.</exception>
    public static async Task<BelaySession> OpenAsync(SessionOptions options, CancellationToken cancellationToken)
    {
        SessionCall call;
        try
        {
            call = await options.Connect(cancellationToken).ConfigureAwait(false);
        }
        catch (GrpcException e)
        {
            throw WireStatus.OfGrpc(e);
        }

        var session = new BelaySession(options);
        using (ExecutionContext.SuppressFlow()) // the loops outlive whatever surrounds the opening
            _ = Task.Run(() => session.RunAsync(call), CancellationToken.None);
        try
        {
            await session._welcome.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            return session;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Sends a request of this session's and waits for the answer, whose status is OK.</summary>
    /// <param name="request">Makes it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="settle">As <see cref="Pending{T}.Settle"/>.</param>
    public ValueTask<Wire.Reply> SendAsync(
        Func<ulong, Wire.ClientOperation> request, CancellationToken cancellationToken,
        Action<Wire.Reply?>? settle = null)
    {
        var id = Requests.NextId();
        var operation = request(id);
        var size = operation.CalculateSize();
        if (size + Outbox.OverheadBytes <= MaxFrameBytes)
            return Requests.SendAsync(id, operation, cancellationToken, settle);
        settle?.Invoke(null);
        return ValueTask.FromException<Wire.Reply>(new BelayException(
            BelayStatus.ResourceExhausted, "FRAME_TOO_LARGE",
            $"the request has {size} bytes; the broker takes {MaxFrameBytes} in a frame (max_frame_bytes)",
            CallCertainty.NotSent));
    }

    /// <summary>Offers a callback, which ends with its registration, also when that fails.</summary>
    public ValueTask<Wire.Reply> RegisterAsync(HostedCallback offered, CancellationToken cancellationToken) =>
        SendAsync(
            offered.ToRegister,
            cancellationToken,
            reply =>
            {
                if (reply is not null && WireStatus.IsOk(reply.Status))
                    Hosting.Bind(reply.Handle, Recovery.ToWire(reply.Handle), offered);
                else
                    offered.End();
            });

    /// <summary>Attaches a watch or validator, which is attached again where the session is renewed.</summary>
    public ValueTask<Wire.Reply> AttachAsync(
        Func<ulong, Wire.ClientOperation> attach, CancellationToken cancellationToken)
    {
        var again = attach(0).Clone(); // What is sent gets the session's number of the callback.
        return SendAsync(
            attach,
            cancellationToken,
            reply =>
            {
                if (reply is not null && WireStatus.IsOk(reply.Status))
                    Recovery.Keep(reply.Handle, again);
            });
    }

    /// <summary>Closes a handle; ends when the broker has done so, or has no session any more that it could be of.</summary>
    public async ValueTask ReleaseAsync(ulong handle, CancellationToken cancellationToken)
    {
        if (_isFresh)
        {
            Requests.Release(handle); // Not put back; or, if it just has been, released there.
            return;
        }

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
        if (welcome.Resumed)
            return; // What was granted stands.
        _isFresh = false;
        var limits = welcome.Limits ?? new Wire.Limits();
        MaxFrameBytes = limits.MaxFrameBytes > 0
            ? (int)Math.Min(limits.MaxFrameBytes, int.MaxValue)
            : DefaultMaxFrameBytes;
        Hosting.MaxPayloadBytes = limits.MaxPayloadBytes > 0
            ? limits.MaxPayloadBytes
            : Math.Max(0, MaxFrameBytes - CallOverheadBytes);
        var maxCalls = limits.MaxCallsInFlight > 0 ? Math.Min(limits.MaxCallsInFlight, int.MaxValue) : DefaultMaxCalls;
        _calls ??= new OutgoingCalls(Outbox, Hosting.MaxPayloadBytes, (int)maxCalls);
        _current = welcome;
        _welcome.TrySetResult(welcome);
    }

    /// <summary>The broker answers a request.</summary>
    public void OnReply(Wire.Reply reply)
    {
        reply.Handle = Recovery.FromWire(reply.Handle);
        if (reply.Store?.Snapshot is { } snapshot)
            snapshot.Handle = Recovery.FromWire(snapshot.Handle);
        Requests.Answer(reply);
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
        if (Welcome.GraceMs > 0)
            Outbox.Post(new Wire.ClientOperation { Goodbye = new Wire.Goodbye() });
        Outbox.Complete();
        if (_isDown)
            _aborted.Cancel();
        try
        {
            await Completion.WaitAsync(patience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Ends the session at once. Does not wait.</summary>
    public void Abort()
    {
        _closing = true;
        _aborted.Cancel();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Abort();
        await Completion.ConfigureAwait(false);
    }
}
