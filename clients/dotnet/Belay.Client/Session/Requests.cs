// Requests to the broker, by request id, until they are answered.
//
// Invariants
//   - Every request ends exactly once: by its Reply, by its caller giving up, or by the end of the session.
//   - A handle that comes for a caller that has given up is released at once: nobody else would.
//   - A Register's closure is bound by the reader before anybody learns of the answer; if the answer is a refusal, or
//     never comes, the closure ends all the same (R3).
//
// Thread safety: SendAsync from any thread; Answer from the session's reader; FailAll once, after it.
using System.Collections.Concurrent;

namespace Belay.Client.Session;

/// <summary>The requests of a session that are not answered yet.</summary>
internal sealed class Requests
{
    private readonly Outbox _outbox;
    private readonly Hosting _hosting;
    private readonly ConcurrentDictionary<ulong, Pending<Wire.Reply>> _pending = new();
    private ulong _lastId;
    private volatile Func<CallCertainty, BelayException>? _over;

    /// <summary>Makes an empty table.</summary>
    public Requests(Outbox outbox, Hosting hosting)
    {
        _outbox = outbox;
        _hosting = hosting;
    }

    /// <summary>Requests without an answer.</summary>
    public int Count => _pending.Count;

    /// <summary>An id that was never used in this session.</summary>
    public ulong NextId() => Interlocked.Increment(ref _lastId);

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <param name="id">Of <see cref="NextId"/>; also in the operation.</param>
    /// <param name="operation">The request.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="offered">What a Register offers.</param>
    /// <returns>The answer, whose status is OK.</returns>
    public async ValueTask<Wire.Reply> SendAsync(
        ulong id, Wire.ClientOperation operation, CancellationToken cancellationToken, HostedCallback? offered = null)
    {
        var pending = new Pending<Wire.Reply>(id) { Offered = offered };
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            _pending[id] = pending;
            if (_over is { } over)
                throw over(CallCertainty.NotSent);
            await _outbox.PostAsync(operation, pending, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            // Never queued, so the broker will never say Released.
            _pending.TryRemove(id, out _);
            offered?.End();
            throw;
        }

        using var registration = cancellationToken.CanBeCanceled
            ? cancellationToken.UnsafeRegister((_, token) => GiveUp(pending, token), null)
            : default;
        var reply = await pending.Answer.ConfigureAwait(false);
        WireStatus.ThrowIfFailed(reply.Status);
        return reply;
    }

    /// <summary>The broker answers.</summary>
    public void Answer(Wire.Reply reply)
    {
        if (!_pending.TryRemove(reply.RequestId, out var pending))
            return;
        if (pending.Offered is { } offered)
        {
            if (WireStatus.IsOk(reply.Status))
                _hosting.Bind(reply.Handle, offered);
            else
                offered.End();
        }

        if (!pending.TryAnswer(reply) && reply.Handle != 0 && WireStatus.IsOk(reply.Status))
            Release(reply.Handle);
    }

    /// <summary>Closes a handle without waiting for the answer.</summary>
    public void Release(ulong handle) =>
        _outbox.Post(new Wire.ClientOperation { Release = new Wire.Release { RequestId = NextId(), Handle = handle } });

    /// <summary>The session is over: no request will be answered.</summary>
    /// <param name="over">Makes the exception for one that got so far.</param>
    public void FailAll(Func<CallCertainty, BelayException> over)
    {
        _over = over;
        foreach (var id in _pending.Keys)
        {
            if (!_pending.TryRemove(id, out var pending))
                continue;
            pending.Offered?.End();
            pending.TryFail(over(pending.Certainty));
        }
    }

    private void GiveUp(Pending<Wire.Reply> pending, CancellationToken token)
    {
        // Withdrawn: the broker will never hear of it. Otherwise it stays in the table until the answer comes.
        if (pending.TryWithdraw() && _pending.TryRemove(pending.Id, out _))
            pending.Offered?.End();
        pending.TryCancel(token);
    }
}
