// One callback that this process hosts: its closure, and the calls of it that are running here.
//
// Invariants
//   - The closure ends exactly once, after the broker has said Released (or the session has ended) AND the last call
//     running here has returned. The broker's word alone is not enough: when the session is lost, or a call's
//     caller has gone, calls may still be running in this process, and what they use must not be disposed under
//     them (W5, R5).
//   - After End no call begins.
//   - The closure's end, which runs the program's Dispose, never runs on the session's reader.
//
// Thread safety: any thread, no lock: one word counts the running calls and keeps the ended mark.
namespace Belay.Client.Session;

/// <summary>A closure with the calls that pin it.</summary>
internal sealed class HostedCallback : IThreadPoolWorkItem
{
    private const long Ended = 1L << 62;

    private readonly ByteClosure _closure;
    private long _state;
    private volatile bool _isHeld = true;
    private volatile bool _isUnregistered;

    /// <summary>Takes over a closure; its end comes through here and nowhere else.</summary>
    /// <param name="closure">The closure.</param>
    /// <param name="name">Public name; empty: none.</param>
    public HostedCallback(ByteClosure closure, string name)
    {
        _closure = closure;
        Name = name;
    }

    /// <summary>Public name; empty: none.</summary>
    public string Name { get; }

    /// <summary>The program's number of it, once the broker has answered.</summary>
    public ulong Handle { get; set; }

    /// <summary>Whether the program holds the handle that registering gave it.</summary>
    public bool IsHeld
    {
        get => _isHeld;
        set => _isHeld = value;
    }

    /// <summary>Whether the program has made it uncallable.</summary>
    public bool IsUnregistered
    {
        get => _isUnregistered;
        set => _isUnregistered = value;
    }

    /// <summary>The closure.</summary>
    public ByteClosure Closure => _closure;

    /// <summary>Completes when the closure has ended and what it owned is disposed.</summary>
    public Task Released => _closure.Released;

    /// <summary>Calls running here; a moment's view.</summary>
    public long Running => Volatile.Read(ref _state) & ~Ended;

    /// <summary>What offers it to a broker.</summary>
    public Wire.ClientOperation ToRegister(ulong requestId) => new()
    {
        Register = new() { RequestId = requestId, Label = _closure.Label, Site = _closure.Site, Name = Name },
    };

    /// <summary>Begins a call; false: the callback has ended.</summary>
    public bool TryEnter()
    {
        var state = Volatile.Read(ref _state);
        while ((state & Ended) == 0)
        {
            var seen = Interlocked.CompareExchange(ref _state, state + 1, state);
            if (seen == state)
                return true;
            state = seen;
        }

        return false;
    }

    /// <summary>Ends a call.</summary>
    public void Exit()
    {
        // Once ended the count only falls, so it reaches "ended, none running" at most once.
        if (Interlocked.Decrement(ref _state) == Ended)
            QueueEnd();
    }

    /// <summary>No further call will come: released by the broker, or the session is over. Idempotent.</summary>
    public void End()
    {
        if (Interlocked.Or(ref _state, Ended) == 0)
            QueueEnd();
    }

    void IThreadPoolWorkItem.Execute() => _closure.End();

    private void QueueEnd() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
}
