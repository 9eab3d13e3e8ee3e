// What this process hosts: callbacks by handle, and their calls that are running.
//
// Invariants
//   - A callback is here from the answer to its Register until Released; both are seen in the reader's order, so that a
//     call can never arrive before its callback is known.
//   - The end of a session counts as Released for all of its callbacks but those that are put into the next one
//     (W5). After EndAll none is here, and none can be added.
//   - A call for a callback that is not here is answered, not dropped. Nobody is answered who asked over a session that
//     is over.
//
// Thread safety: Bind, Run, Cancel and Released belong to the session's reader, BeginRenewal and EndAll to whoever ends
// the session after it; the rest may come from any thread.
using System.Collections.Concurrent;

namespace Belay.Client.Session;

/// <summary>The host side of a client.</summary>
internal sealed class Hosting
{
    private readonly Outbox _outbox;
    private readonly Recovery _recovery;
    private readonly ConcurrentDictionary<ulong, HostedCallback> _byWire = new();
    private readonly ConcurrentDictionary<ulong, HostedCallback> _byHandle = new();
    private readonly ConcurrentDictionary<ulong, HostCall> _running = new();
    private long _unknown;

    /// <summary>Makes an empty table whose results go to <paramref name="outbox"/>.</summary>
    public Hosting(Outbox outbox, Recovery recovery)
    {
        _outbox = outbox;
        _recovery = recovery;
    }

    /// <summary>The broker's bound on a reply.</summary>
    public long MaxPayloadBytes { get; set; } = int.MaxValue;

    /// <summary>Callbacks that the broker may still call, in this session or the next.</summary>
    public int Count => _byHandle.Count;

    /// <summary>Calls running here.</summary>
    public int Running => _running.Count;

    /// <summary>Released and Call operations that named a callback that is not here: 0 as long as the broker keeps its
    /// word.</summary>
    public long Unknown => Interlocked.Read(ref _unknown);

    /// <summary>A Register was answered.</summary>
    /// <param name="handle">As the program knows the callback.</param>
    /// <param name="wire">As the present session does.</param>
    /// <param name="callback">The callback.</param>
    public void Bind(ulong handle, ulong wire, HostedCallback callback)
    {
        callback.Handle = handle;
        _byHandle[handle] = callback;
        _byWire[wire] = callback;
    }

    /// <summary>The broker calls.</summary>
    public void Run(Wire.Call call)
    {
        var generation = _recovery.Generation;
        if (!_byWire.TryGetValue(call.Handle, out var callback) || !callback.TryEnter())
        {
            Interlocked.Increment(ref _unknown);
            var status = WireStatus.Of(
                BelayStatus.Stale, "STALE", $"this session hosts no callback {call.Handle}", CallCertainty.NotSent);
            var refusal = new Wire.CallResult { CallId = call.CallId, Status = status };
            _outbox.Post(new Wire.ClientOperation { Result = refusal }, null, generation);
            return;
        }

        var run = new HostCall(this, callback, call, generation);
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
    public void Released(ulong wire)
    {
        if (_byWire.TryRemove(wire, out var callback))
            End(callback);
        else
            Interlocked.Increment(ref _unknown);
    }

    /// <summary>The program has released its own handle to a callback: only hooks may need it later.</summary>
    public void LetGo(ulong handle)
    {
        if (_byHandle.TryGetValue(handle, out var callback))
            callback.IsHeld = false;
    }

    /// <summary>The program has made a callback uncallable: no other session needs it.</summary>
    public void Unregister(ulong handle)
    {
        if (_byHandle.TryGetValue(handle, out var callback))
            callback.IsUnregistered = true;
    }

    /// <summary>A run has ended: its result goes out, unless the session that asked is over.</summary>
    public ValueTask FinishAsync(HostCall run, Wire.CallResult result)
    {
        _running.TryRemove(KeyValuePair.Create(result.CallId, run));
        return _outbox.PostAsync(
            new Wire.ClientOperation { Result = result }, null, run.Generation, CancellationToken.None);
    }

    /// <summary>The session is over, and another is to take its place: what nobody needs there ends.</summary>
    /// <param name="hooked">Callbacks that hooks need, by handle.</param>
    public void BeginRenewal(IReadOnlySet<ulong> hooked)
    {
        CancelAll();
        _byWire.Clear();
        foreach (var callback in _byHandle.Values)
        {
            if (callback.IsUnregistered || !(callback.IsHeld || hooked.Contains(callback.Handle)))
                End(callback);
        }
    }

    /// <summary>What is to be registered in a new session.</summary>
    public IReadOnlyList<HostedCallback> Callbacks() => [.. _byHandle.Values.OrderBy(callback => callback.Handle)];

    /// <summary>What has this number ends, if it is a callback: it could not be put back.</summary>
    public void End(ulong handle)
    {
        if (_byHandle.TryGetValue(handle, out var callback))
            End(callback);
    }

    /// <summary>The session is over, for good: no call will come, and nobody waits for those that run.</summary>
    public void EndAll()
    {
        CancelAll();
        _byWire.Clear();
        foreach (var callback in _byHandle.Values)
            End(callback);
    }

    private void End(HostedCallback callback)
    {
        _byHandle.TryRemove(KeyValuePair.Create(callback.Handle, callback));
        callback.End();
    }

    private void CancelAll()
    {
        foreach (var run in _running.Values)
            run.Cancel();
        _running.Clear();
    }
}
