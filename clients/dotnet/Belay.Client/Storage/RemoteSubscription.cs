// A watch or validator attached over the session.
//
// Invariants: detached exactly once; the detaching never fails.
// Thread safety: every member from any thread.
using Belay.Client.Session;

namespace Belay.Client;

/// <summary>A watch or validator. Disposing detaches it: no new call begins.</summary>
public sealed class RemoteSubscription : ISubscription
{
    private readonly SessionHandle _handle;
    private readonly Task? _released;

    internal RemoteSubscription(BelayClient client, ulong handle, Task? released)
    {
        _handle = new SessionHandle(client.Session, handle);
        _released = released;
    }

    /// <summary>Its handle in this session's table.</summary>
    public ulong Handle => _handle.Value;

    /// <inheritdoc/>
    public Task Released => _released ?? throw new InvalidOperationException(
        "this was attached with a callback of its own lifetime: see that callback's Released");

    /// <summary>Detaches. Never waits; the second time does nothing.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>Detaches and waits for the broker's word.</summary>
    /// <returns>A task that ends when no new call can begin, or the session is over.</returns>
    public ValueTask DisposeAsync() => _handle.DisposeAsync();
}
