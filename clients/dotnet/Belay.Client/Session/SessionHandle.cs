// A handle of the session's table that is released and nothing else: of watches, validators and snapshots.
//
// Invariant: released exactly once, by Dispose, DisposeAsync or the finalizer; none of them fails, the first and the
// last never wait.
//
// Thread safety: every member from any thread.
namespace Belay.Client.Session;

/// <summary>An entry of the session's table, owned.</summary>
internal sealed class SessionHandle : IDisposable, IAsyncDisposable
{
    private readonly BelaySession _session;
    private int _disposed;

    /// <summary>Takes over a handle that the broker has given out.</summary>
    public SessionHandle(BelaySession session, ulong value)
    {
        _session = session;
        Value = value;
    }

    /// <summary>Releases what the program forgot to.</summary>
    ~SessionHandle() => Dispose();

    /// <summary>Its number, readable for logs also afterwards.</summary>
    public ulong Value { get; }

    /// <summary>Whether it was released.</summary>
    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>Releases it. Never waits; the second time does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        GC.SuppressFinalize(this);
        _session.Requests.Release(Value);
    }

    /// <summary>Releases it and waits for the broker's word.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        GC.SuppressFinalize(this);
        try
        {
            await _session.ReleaseAsync(Value, CancellationToken.None).ConfigureAwait(false);
        }
        catch (BelayException)
        {
            // The session is over, or what it stood for has ended by itself: there is nothing left to release.
        }
    }
}
