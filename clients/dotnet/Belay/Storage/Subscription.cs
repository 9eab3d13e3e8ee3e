// A watch or validator that is attached.
//
// Invariants: it lasts until this is disposed or collected; then no new call begins, one in flight goes on, and a function
// given as a delegate ends after it.
// Thread safety: every member may be called from any thread, from inside the function too.
using Belay.Native;

namespace Belay;

/// <summary>A watch or validator. Dispose it to detach; keep it as long as it is wanted.</summary>
public sealed class Subscription : ISubscription
{
    private readonly ObjectHandle _handle;
    private readonly Task? _released;
    private readonly Store _store; // Kept alive.

    internal Subscription(ulong handle, Task? released, Store store)
    {
        _handle = new ObjectHandle(handle);
        _released = released;
        _store = store;
    }

    /// <inheritdoc/>
    public ulong Handle => _handle.Value;

    /// <summary>The keyspace that it is attached to.</summary>
    public Store Store => _store;

    /// <inheritdoc/>
    public Task Released => _released ?? throw new InvalidOperationException(
        "This was attached with a callback that lives on its own: ask that callback.");

    /// <summary>Detaches. Never blocks; harmless twice.</summary>
    public void Dispose() => _handle.Dispose();

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }
}
