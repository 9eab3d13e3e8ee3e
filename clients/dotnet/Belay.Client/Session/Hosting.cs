// What this process hosts in a session: callbacks by handle, and their calls that are running.
//
// Invariants
//   - A callback is here from the answer to its Register until Released; both are seen in the reader's order, so that a
//     call can never arrive before its callback is known.
//   - EndAll ends every callback that is here, and none can be added after it: the end of the session counts as
//     Released for all of them, exactly once (W5).
//   - A call for a callback that is not here is answered, not dropped.
//
// Thread safety: Bind, Run, Cancel, Released and EndAll belong to the session's reader (and to whoever ends the session
// after it); FinishAsync and the counters may come from any thread.
using System.Collections.Concurrent;

namespace Belay.Client.Session;

/// <summary>The host side of a session.</summary>
internal sealed class Hosting
{
    private readonly Outbox _outbox;
    private readonly ConcurrentDictionary<ulong, HostedCallback> _callbacks = new();
    private readonly ConcurrentDictionary<ulong, HostCall> _running = new();
    private long _unknown;

    /// <summary>Makes an empty table whose results go to <paramref name="outbox"/>.</summary>
    public Hosting(Outbox outbox) => _outbox = outbox;

    /// <summary>The broker's bound on a reply.</summary>
    public long MaxPayloadBytes { get; set; } = int.MaxValue;

    /// <summary>Callbacks that the broker may still call.</summary>
    public int Count => _callbacks.Count;

    /// <summary>Calls running here.</summary>
    public int Running => _running.Count;

    /// <summary>Released and Call operations that named a callback that is not here: 0 as long as the broker keeps its
    /// word.</summary>
    public long Unknown => Interlocked.Read(ref _unknown);

    /// <summary>A Register was answered.</summary>
    public void Bind(ulong handle, HostedCallback callback) => _callbacks[handle] = callback;

    /// <summary>The broker calls.</summary>
    public void Run(Wire.Call call)
    {
        if (!_callbacks.TryGetValue(call.Handle, out var callback) || !callback.TryEnter())
        {
            Interlocked.Increment(ref _unknown);
            var status = WireStatus.Of(
                BelayStatus.Stale, "STALE", $"this session hosts no callback {call.Handle}", CallCertainty.NotSent);
            _outbox.Post(
                new Wire.ClientOperation { Result = new Wire.CallResult { CallId = call.CallId, Status = status } });
            return;
        }

        var run = new HostCall(this, callback, call);
        _running[call.CallId] = run;
        ThreadPool.UnsafeQueueUserWorkItem(run, preferLocal: false);
    }

    /// <summary>A caller no longer waits.</summary>
    public void Cancel(ulong callId)
    {
        if (_running.TryGetValue(callId, out var run))
            run.Cancel();
    }

    /// <summary>The broker has let a callback go.</summary>
    public void Released(ulong handle)
    {
        if (_callbacks.TryRemove(handle, out var callback))
            callback.End();
        else
            Interlocked.Increment(ref _unknown);
    }

    /// <summary>A run has ended: its result goes out, unless the session is over.</summary>
    public ValueTask FinishAsync(Wire.CallResult result)
    {
        _running.TryRemove(result.CallId, out _);
        return _outbox.PostAsync(new Wire.ClientOperation { Result = result }, null, CancellationToken.None);
    }

    /// <summary>The session is over: no call will come, and nobody waits for those that run.</summary>
    public void EndAll()
    {
        foreach (var run in _running.Values)
            run.Cancel();
        foreach (var handle in _callbacks.Keys)
        {
            if (_callbacks.TryRemove(handle, out var callback))
                callback.End();
        }
    }
}
