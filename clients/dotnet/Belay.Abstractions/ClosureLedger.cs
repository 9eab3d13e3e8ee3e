// Keeps count of one broker's closures, and is where exceptions go that have no caller.
//
// Invariants
//   - Live counts closures that were handed over and have not ended; it is 0 when nothing is leaked.
//   - Roots counts GCHandles allocated and not freed.
//   - Refers to no broker, so that closures keep no broker alive.
//
// Thread safety: every member may be called from any thread.
namespace Belay;

internal sealed class ClosureLedger
{
    private readonly ClosureLedger? _outer;
    private long _live, _ended, _roots, _endedAgain;
    private TaskCompletionSource? _none;

    /// <summary>Counts what no other does.</summary>
    internal ClosureLedger()
    {
    }

    /// <summary>Counts a part of what another one counts.</summary>
    internal ClosureLedger(ClosureLedger outer) => _outer = outer;

    /// <summary>Where to say things; null: standard error.</summary>
    internal Action<BelayLogLevel, string>? Log { get; init; }

    internal event EventHandler<CallbackFaultEventArgs>? Faulted;

    internal long Live => Interlocked.Read(ref _live);
    internal long Ended => Interlocked.Read(ref _ended);
    internal long Roots => Interlocked.Read(ref _roots);

    /// <summary>How often a closure was ended that had ended already: 0 as long as Belay keeps its promise.</summary>
    internal long EndedAgain => Interlocked.Read(ref _endedAgain);

    internal void OnBegin()
    {
        Interlocked.Increment(ref _live);
        _outer?.OnBegin();
    }

    internal void OnRoot()
    {
        Interlocked.Increment(ref _roots);
        _outer?.OnRoot();
    }

    internal void OnUnroot()
    {
        Interlocked.Decrement(ref _roots);
        _outer?.OnUnroot();
    }

    internal void OnEndedAgain()
    {
        Interlocked.Increment(ref _endedAgain);
        _outer?.OnEndedAgain();
    }

    internal void OnEnd()
    {
        _outer?.OnEnd();
        Interlocked.Increment(ref _ended);
        if (Interlocked.Decrement(ref _live) == 0)
            Volatile.Read(ref _none)?.TrySetResult();
    }

    /// <summary>Ends when no closure is live. Of use where none can be added any more.</summary>
    internal Task WhenNoneAsync()
    {
        var none = LazyInitializer.EnsureInitialized(
            ref _none, () => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        // Looked at after the source is there to be told: the last one may have ended before.
        if (Live == 0)
            none.TrySetResult();
        return none.Task;
    }

    /// <summary>Reports an exception that has no caller. Never throws: it is called where nothing may.</summary>
    internal void Report(object? sender, string label, string site, string during, Exception exception)
    {
        if (_outer is not null)
        {
            _outer.Report(sender, label, site, during, exception);
            return;
        }

        try
        {
            var fault = new CallbackFaultEventArgs(label, site, during, exception);
            if (Faulted is { } faulted)
                faulted(sender, fault);
            else if (Log is { } log)
                log(BelayLogLevel.Error, fault.ToString());
            else
                Console.Error.WriteLine($"belay: {fault}");
        }
#pragma warning disable CA1031 // The last resort: a handler that throws must not take the process with it.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }
}
