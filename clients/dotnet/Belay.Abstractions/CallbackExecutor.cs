// Where callbacks run that are not to run on their caller's thread. Of the in-process door, which makes them.
//
// Thread safety: every member may be called from any thread.
namespace Belay;

/// <summary>Runs callbacks, and what ends them, somewhere else than on their caller's thread.</summary>
public abstract class CallbackExecutor : IDisposable
{
    private protected CallbackExecutor()
    {
    }

    /// <summary>The handle's number.</summary>
    public abstract ulong Handle { get; }

    /// <summary>Closes it: calls that are queued end as <see cref="BelayStatus.Closed"/>. The second time does nothing.</summary>
    public abstract void Dispose();
}
