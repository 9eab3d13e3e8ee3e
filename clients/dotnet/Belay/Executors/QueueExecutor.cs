// A queue of calls that the program runs on threads of its own choosing: an event loop's, a game's, a dedicated one.
//
// Invariants: calls, and the release functions of its callbacks, run inside Run and nowhere else while the queue is open;
// release functions after the calls that were queued before them.
// Thread safety: every member may be called from any thread; several may be in Run at once.
using Belay.Native;

namespace Belay;

/// <summary>Calls that wait for the program to run them; see <see cref="CallbackOptions.Executor"/>.</summary>
/// <remarks>
/// A callback of a queue ends, and what it owns is disposed, when the queue is run after its last call; once the queue is
/// disposed, on a thread of Belay's. Do not invoke such a callback from the only thread that runs its queue: it would wait
/// for itself.
/// </remarks>
public sealed unsafe class QueueExecutor : CallbackExecutor
{
    private readonly ObjectHandle _handle;

    internal QueueExecutor(ulong handle) => _handle = new ObjectHandle(handle);

    /// <inheritdoc/>
    public override ulong Handle => _handle.Value;

    /// <summary>Runs what is queued, on this thread.</summary>
    /// <param name="timeout">How long to wait for the first of it.</param>
    /// <param name="most">How much to run: calls and ends of callbacks.</param>
    /// <returns>How much was run; 0: nothing came in time, or <see cref="Interrupt"/>.</returns>
    /// <exception cref="BelayException"><see cref="BelayStatus.Closed"/>: the queue was disposed meanwhile.</exception>
    public int Run(TimeSpan timeout, int most = 64)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(most);
        ulong count;
        Status.Check(NativeMethods.QueueRun(Handle, (ulong)most, Status.Milliseconds(timeout), &count), _handle);
        GC.KeepAlive(this);
        return (int)count;
    }

    /// <summary>Ends one wait in <see cref="Run"/>: one under way, else the next. Never blocks.</summary>
    public void Interrupt()
    {
        Status.Check(NativeMethods.QueueInterrupt(Handle), _handle);
        GC.KeepAlive(this);
    }

    /// <summary>Runs what is queued on a thread of its own.</summary>
    /// <param name="cancellationToken">Stops that, once what runs has returned.</param>
    /// <returns>A task that ends when it was stopped, or the queue was disposed.</returns>
    public Task RunAsync(CancellationToken cancellationToken) =>
        Task.Factory.StartNew(
            () => RunUntil(cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <inheritdoc/>
    public override void Dispose() => _handle.Dispose();

    private void RunUntil(CancellationToken cancellationToken)
    {
        try
        {
            using var stop = cancellationToken.UnsafeRegister(static queue => ((QueueExecutor)queue!).Interrupt(), this);
            while (!cancellationToken.IsCancellationRequested)
                Run(Timeout.InfiniteTimeSpan);
        }
        catch (Exception e) when (e is ObjectDisposedException or BelayException { Status: BelayStatus.Closed })
        {
            // The queue was disposed: there is nothing to run any more.
        }
    }
}
