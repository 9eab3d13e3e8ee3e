// The life of a closure: what a program handed over is kept alive exactly until Belay says that the callback has ended,
// then what it owns is disposed, then the GCHandle is freed, then `Released` completes. Both doors use it, so that it
// is written once.
//
// Invariants
//   - End() does its work exactly once, however often and from wherever it is called (R3).
//   - The GCHandle is freed in End() and nowhere else; until then the closure cannot be collected, whatever else the
//     program forgets.
//   - After End() the closure refers to nothing of the program's, so that a Callback object that is still alive keeps
//     only an empty shell and a finished task.
//   - Nothing that the program throws while being disposed leaves End(): it may be running on a native thread.
//
// Thread safety: End() and the properties from any thread. Belay's promise that no call is in flight at End() (R5) is
// what lets the fields be cleared without a lock.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Belay;

internal abstract class Closure
{
    // Asynchronously: continuations are the program's and must not run on the thread that Belay releases from.
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ClosureLedger _ledger;
    private object? _owned;
    private object? _ownedTarget;
    private GCHandle _root;
    private int _ended;

    /// <param name="origin">The program's delegate, whose target may be owned; for wrapped functions the inner one.</param>
    /// <param name="options">What the program said about it.</param>
    /// <param name="site">Where it was registered.</param>
    /// <param name="ledger">Keeps count.</param>
    protected Closure(Delegate origin, CallbackOptions options, string site, ClosureLedger ledger)
    {
        _ledger = ledger;
        _owned = options.Owned;
        _ownedTarget = options.OwnsTarget && !ReferenceEquals(origin.Target, options.Owned) ? origin.Target : null;
        Label = options.Label;
        Site = site;
        ledger.OnBegin();
    }

    internal string Label { get; }
    internal string Site { get; }

    /// <summary>Completes at the very end of <see cref="End"/>.</summary>
    internal Task Released => _released.Task;

    /// <summary>Makes the closure uncollectable until <see cref="End"/>; the result is the context to hand to native code.</summary>
    internal nint Root()
    {
        _root = GCHandle.Alloc(this);
        _ledger.OnRoot();
        return GCHandle.ToIntPtr(_root);
    }

    /// <summary>The closure behind a context that <see cref="Root"/> gave out and End has not freed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T From<T>(nint context) where T : Closure =>
        // No cast: only contexts made by Root() of that very type are registered with a function that asks for it.
        Unsafe.As<T>(GCHandle.FromIntPtr(context).Target)!;

    /// <summary>Belay has said that no call is in flight and none will come.</summary>
    internal void End()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
        {
            _ledger.OnEndedAgain();
            return;
        }
        Forget();
        var pending = DisposeOwned(Interlocked.Exchange(ref _owned, null));
        var pendingTarget = DisposeOwned(Interlocked.Exchange(ref _ownedTarget, null));
        if (pending == null && pendingTarget == null)
            Finish();
        else
            _ = FinishAfterAsync(pending, pendingTarget);
    }

    /// <summary>Reports an exception that has no caller to go to.</summary>
    internal void Report(string during, Exception exception) => _ledger.Report(this, Label, Site, during, exception);

    /// <summary>Drops the program's delegate.</summary>
    protected abstract void Forget();

    /// <returns>A task if the disposal goes on; null when it is done.</returns>
    private Task? DisposeOwned(object? owned)
    {
        try
        {
            switch (owned)
            {
                case IAsyncDisposable disposable:
                    var disposal = disposable.DisposeAsync();
                    if (!disposal.IsCompletedSuccessfully)
                        return disposal.AsTask();
                    break;
                case IDisposable disposable:
                    disposable.Dispose();
                    break;
            }
        }
#pragma warning disable CA1031 // This may be a native thread: what is thrown here has nowhere to go but the event.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Report("dispose", exception);
        }
        return null;
    }

    private async Task FinishAfterAsync(Task? first, Task? second)
    {
        foreach (var pending in new[] { first, second })
        {
            try
            {
                if (pending != null)
                    await pending.ConfigureAwait(false);
            }
#pragma warning disable CA1031 // As above.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                Report("dispose", exception);
            }
        }
        Finish();
    }

    private void Finish()
    {
        if (_root.IsAllocated)
        {
            _root.Free();
            _ledger.OnUnroot();
        }
        _ledger.OnEnd();
        _released.TrySetResult();
    }
}
