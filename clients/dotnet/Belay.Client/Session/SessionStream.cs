// One connection of a session: a duplex stream, the loop that writes to it and the loop that reads from it.
//
// Invariants
//   - Nothing is sent before Hello; nothing but Hello before Welcome; then what is to be sent again; in a session that
//     takes another's place what is put back; and then what is queued.
//   - A frame holds what is ready, up to a bound, and is flushed when nothing more is: so a lone operation leaves at
//     once, and under load many share a frame, and frames a flush.
//   - Whatever ends one loop ends the other. RunAsync ends when both have, and never fails.
//   - With a lease the broker hears from us every third of it; if we have not heard from it for all of it, the
//     connection is taken for lost.
//
// Thread safety: RunAsync once; Abort from any thread; OnWelcome and OnGoodbye are the reader's.
using System.Diagnostics.CodeAnalysis;
using Belay.Client.Grpc;

namespace Belay.Client.Session;

/// <summary>How a connection ended.</summary>
/// <param name="Error">What went wrong; null: the broker ended it in good order.</param>
/// <param name="Goodbye">What the broker said, if it did.</param>
internal readonly record struct StreamEnd(Exception? Error, Wire.Status? Goodbye);

/// <summary>A connection of a session.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Without timer and wait handle there is nothing to dispose.")]
internal sealed class SessionStream
{
    /// <summary>Where a frame is big enough although more is ready: larger ones only delay the first
    /// operation.</summary>
    private const int UsualFrameBytes = 256 * 1024;

    private readonly BelaySession _session;
    private readonly IGrpcDuplexCall<Wire.ClientFrame, Wire.ServerFrame> _call;
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource<Wire.Welcome> _welcome = new(
        TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _failure;
    private Wire.Status? _goodbye;
    private long _heardAtMs = Environment.TickCount64;

    /// <summary>Makes the connection of an open call.</summary>
    public SessionStream(BelaySession session, IGrpcDuplexCall<Wire.ClientFrame, Wire.ServerFrame> call)
    {
        _session = session;
        _call = call;
    }

    /// <summary>Runs the connection to its end.</summary>
    /// <param name="patience">How long the broker may take to answer Hello.</param>
    public async Task<StreamEnd> RunAsync(TimeSpan patience)
    {
        var writing = WriteAsync(patience);
        Exception? error = null;
        try
        {
            await new SessionReader(_session, this).RunAsync(_call).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever ends the reader ends the connection, and is told to all who wait.
        catch (Exception e)
#pragma warning restore CA1031
        {
            error = e;
        }

        Abort();
        await writing.ConfigureAwait(false);
        await _call.DisposeAsync().ConfigureAwait(false);
        // A reader that we stopped knows nothing; what stopped us does.
        if (error is null or GrpcException { Code: GrpcCode.Cancelled })
            error = _failure ?? error;
        return new StreamEnd(error, _goodbye);
    }

    /// <summary>Ends the connection at once. Does not wait.</summary>
    public void Abort()
    {
        _ended.Cancel();
        _call.Abort();
    }

    /// <summary>The broker takes us.</summary>
    public void OnWelcome(Wire.Welcome welcome)
    {
        _session.OnWelcome(welcome);
        if (!_welcome.TrySetResult(welcome))
            throw new GrpcException(GrpcCode.Internal, "the broker broke the protocol: a second Welcome");
    }

    /// <summary>The broker ends the session.</summary>
    public void OnGoodbye(Wire.Goodbye goodbye)
    {
        _goodbye = goodbye.Status ?? new Wire.Status();
        _welcome.TrySetException(new GrpcException(GrpcCode.Cancelled, "the broker said Goodbye"));
    }

    /// <summary>A frame has come.</summary>
    public void OnHeard() => Volatile.Write(ref _heardAtMs, Environment.TickCount64);

    /// <summary>Writes these operations and flushes. If that fails, a connection that resumes writes them.</summary>
    public async Task SendAsync(IEnumerable<Wire.ClientOperation> operations)
    {
        const int PerFrame = 16;
        foreach (var frame in operations.Chunk(PerFrame).Select(_session.Line.Pack).ToArray())
            await _call.WriteAsync(frame).ConfigureAwait(false);
        await _call.FlushAsync().ConfigureAwait(false);
    }

    /// <summary>Waits for something that only this connection can bring.</summary>
    public Task WaitAsync(Task task) => task.WaitAsync(_ended.Token);

    private async Task WriteAsync(TimeSpan patience)
    {
        try
        {
            await _call.WriteAsync(_session.Line.Hello()).ConfigureAwait(false);
            await _call.FlushAsync().ConfigureAwait(false);
            var welcome = await _welcome.Task.WaitAsync(patience, _ended.Token).ConfigureAwait(false);
            // The session's: what resumes one need not say it again.
            _ = KeepLeaseAsync(TimeSpan.FromMilliseconds(_session.Welcome.LeaseMs));
            foreach (var frame in welcome.Resumed ? _session.Line.TakeUnacknowledged() : [])
                await _call.WriteAsync(frame).ConfigureAwait(false);
            await _session.BeginAsync(this).ConfigureAwait(false);
            await WriteQueuedAsync().ConfigureAwait(false);
            _call.Complete();
        }
        catch (TimeoutException e)
        {
            Fail(new GrpcException(
                GrpcCode.DeadlineExceeded, $"no answer to Hello within {patience.TotalMilliseconds} ms", false, e));
        }
#pragma warning disable CA1031 // Whatever ends the writer ends the connection, and is told to all who wait.
        catch (Exception e)
#pragma warning restore CA1031
        {
            if (!_ended.IsCancellationRequested)
                Fail(e);
        }
    }

    private async Task WriteQueuedAsync()
    {
        var operations = new List<Wire.ClientOperation>();
        await _call.FlushAsync().ConfigureAwait(false);
        while (await _session.Outbox.WaitAsync(_ended.Token).ConfigureAwait(false))
        {
            while (true)
            {
                operations.Clear();
                _session.Outbox.Take(
                    operations, Math.Min(UsualFrameBytes, _session.MaxFrameBytes), _session.Recovery, _session.Refuse);
                if (operations.Count == 0 && !_session.Line.IsAckDue)
                    break;
                await _call.WriteAsync(_session.Line.Pack(operations)).ConfigureAwait(false);
            }

            await _call.FlushAsync().ConfigureAwait(false);
        }
    }

    private async Task KeepLeaseAsync(TimeSpan lease)
    {
        if (lease == TimeSpan.Zero)
            return;
        using var ticks = new PeriodicTimer(lease / 3);
        try
        {
            while (await ticks.WaitForNextTickAsync(_ended.Token).ConfigureAwait(false))
            {
                var silence = TimeSpan.FromMilliseconds(Environment.TickCount64 - Volatile.Read(ref _heardAtMs));
                if (silence > lease)
                    Fail(new GrpcException(
                        GrpcCode.Unavailable, $"nothing was heard for {silence}; the lease is {lease}"));
                else
                    _session.Outbox.Post(new Wire.ClientOperation { Ping = new Wire.Ping() });
            }
        }
        catch (OperationCanceledException)
        {
            // The connection has ended.
        }
    }

    private void Fail(Exception error)
    {
        _failure = error;
        Abort();
    }
}
