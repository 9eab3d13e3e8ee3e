// A watch attached over the session.
//
// Invariant: detached exactly once, by Dispose, DisposeAsync or the finalizer; none of them fails, the first and the
// last never wait.
//
// Thread safety: every member from any thread.
using Belay.Client.Session;

namespace Belay.Client;

/// <summary>A watch. Disposing detaches it: no new call begins.</summary>
public sealed class RemoteSubscription : ISubscription
{
    private readonly BelayClient _client;
    private readonly Task? _released;
    private int _disposed;

    internal RemoteSubscription(BelayClient client, ulong handle, Task? released)
    {
        _client = client;
        _released = released;
        Handle = handle;
    }

    /// <summary>Detaches what the program forgot to.</summary>
    ~RemoteSubscription()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            _client.Session.Requests.Release(Handle);
    }

    /// <summary>The watch's handle in this session's table.</summary>
    public ulong Handle { get; }

    /// <inheritdoc/>
    public Task Released => _released ?? throw new InvalidOperationException(
        "the watch was attached with a callback of its own lifetime: see that callback's Released");

    /// <summary>Detaches. Never waits; the second time does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        GC.SuppressFinalize(this);
        _client.Session.Requests.Release(Handle);
    }

    /// <summary>Detaches and waits for the broker's word.</summary>
    /// <returns>A task that ends when no new call can begin, or the session is over.</returns>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        GC.SuppressFinalize(this);
        try
        {
            await _client.Session.SendAsync(
                id => new Wire.ClientOperation
                {
                    DetachWatch = new Wire.DetachWatch { RequestId = id, Handle = Handle },
                },
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (BelayException)
        {
            // The session is over, or the watch had ended by itself: it is detached.
        }
    }
}
