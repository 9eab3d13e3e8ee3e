// Requests to the broker, by request id, until they are answered.
//
// Invariants
//   - Every request ends exactly once: by its Reply, by its caller giving up, or by the end of the session.
//   - A handle that comes for a caller that has given up is released at once: nobody else would.
//   - A Register's closure is bound by the reader before anybody learns of the answer; if the answer is a refusal, or
//     never comes, the closure ends all the same (R3).
//   - What gives a handle up, or makes it of no use, is noted at once: no later session gets it back.
//
// Thread safety: SendAsync, Release and Answer from any thread, but answers of the broker's come from the session's
// reader; FailAll when no reader runs, EndAll once.
using System.Collections.Concurrent;

namespace Belay.Client.Session;

/// <summary>The requests of a client that are not answered yet.</summary>
internal sealed class Requests
{
    private readonly Outbox _outbox;
    private readonly Hosting _hosting;
    private readonly Recovery _recovery;
    private readonly ConcurrentDictionary<ulong, Pending<Wire.Reply>> _pending = new();
    private ulong _lastId;
    private volatile Func<CallCertainty, BelayException>? _over;

    /// <summary>Makes an empty table.</summary>
    public Requests(Outbox outbox, Hosting hosting, Recovery recovery)
    {
        _outbox = outbox;
        _hosting = hosting;
        _recovery = recovery;
    }

    /// <summary>Requests without an answer.</summary>
    public int Count => _pending.Count;

    /// <summary>An id that was never used by this client.</summary>
    public ulong NextId() => Interlocked.Increment(ref _lastId);

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <param name="id">Of <see cref="NextId"/>; also in the operation.</param>
    /// <param name="operation">The request.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="settle">As <see cref="Pending{T}.Settle"/>.</param>
    /// <returns>The answer, whose status is OK.</returns>
    public async ValueTask<Wire.Reply> SendAsync(
        ulong id, Wire.ClientOperation operation, CancellationToken cancellationToken,
        Action<Wire.Reply?>? settle = null)
    {
        var pending = new Pending<Wire.Reply>(id) { Settle = settle };
        var isExpected = false;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            NoteLetGo(operation);
            _pending[id] = pending;
            isExpected = true;
            if (_over is { } over)
                throw over(CallCertainty.NotSent);
            await _outbox.PostAsync(operation, pending, null, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            // Never queued, so no answer will come; unless the session's end was quicker to say so.
            if (!isExpected || _pending.TryRemove(id, out _))
                settle?.Invoke(null);
            throw;
        }

        using var registration = cancellationToken.CanBeCanceled
            ? cancellationToken.UnsafeRegister((_, token) => GiveUp(pending, token), null)
            : default;
        var reply = await pending.Answer.ConfigureAwait(false);
        WireStatus.ThrowIfFailed(reply.Status);
        return reply;
    }

    /// <summary>Expects the answer to a request that somebody else sends.</summary>
    /// <param name="id">Of <see cref="NextId"/>.</param>
    /// <param name="settle">As <see cref="Pending{T}.Settle"/>.</param>
    /// <returns>The answer, whatever its status.</returns>
    public Task<Wire.Reply> Expect(ulong id, Action<Wire.Reply?> settle)
    {
        var pending = new Pending<Wire.Reply>(id) { Settle = settle };
        pending.TryBeginSend();
        _pending[id] = pending;
        return pending.Answer;
    }

    /// <summary>A request is answered, by the broker or on its behalf.</summary>
    /// <param name="reply">With handles of the program's numbers.</param>
    public void Answer(Wire.Reply reply)
    {
        if (!_pending.TryRemove(reply.RequestId, out var pending))
            return;
        pending.Settle?.Invoke(reply);
        if (!pending.TryAnswer(reply) && reply.Handle != 0 && WireStatus.IsOk(reply.Status))
            Release(reply.Handle);
    }

    /// <summary>Closes a handle without waiting for the answer.</summary>
    public void Release(ulong handle)
    {
        var release = new Wire.ClientOperation { Release = new() { RequestId = NextId(), Handle = handle } };
        NoteLetGo(release);
        _outbox.Post(release);
    }

    /// <summary>The session is over for good: no request will be answered.</summary>
    /// <param name="over">Makes the exception for one that got so far.</param>
    public void EndAll(Func<CallCertainty, BelayException> over)
    {
        _over = over;
        FailAll(over);
    }

    /// <summary>The session is over: no request of it will be answered.</summary>
    /// <param name="over">Makes the exception for one that got so far.</param>
    public void FailAll(Func<CallCertainty, BelayException> over)
    {
        foreach (var id in _pending.Keys)
        {
            if (_pending.TryRemove(id, out var pending))
                pending.End(over);
        }
    }

    private void NoteLetGo(Wire.ClientOperation operation)
    {
        if (operation.Release is { } release)
        {
            _hosting.LetGo(release.Handle);
            _recovery.Forget(release.Handle);
        }
        else if (operation.Unregister is { } unregister)
        {
            _hosting.Unregister(unregister.Handle);
        }
    }

    private void GiveUp(Pending<Wire.Reply> pending, CancellationToken token)
    {
        // Withdrawn: the broker will never hear of it. Otherwise it stays in the table until the answer comes.
        if (pending.TryWithdraw() && _pending.TryRemove(pending.Id, out _))
            pending.Settle?.Invoke(null);
        pending.TryCancel(token);
    }
}
