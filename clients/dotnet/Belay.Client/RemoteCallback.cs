// One handle to a callback, of this session's table.
//
// Invariants
//   - The handle is released exactly once: by Dispose, DisposeAsync or, if the program forgets, by the finalizer, which
//     only queues the release and so never blocks (R6).
//   - The object does not refer to the closure, so that forgetting it ends the closure too.
//
// Thread safety: every member from any thread.
using Belay.Client.Session;

namespace Belay.Client;

/// <summary>A handle to a callback that this program registered or found.</summary>
/// <remarks>
/// A closure that refers to its own <see cref="RemoteCallback"/> keeps it alive, and itself with it: dispose such a
/// one.
/// </remarks>
public sealed class RemoteCallback : ICallback
{
    private readonly BelayClient _client;
    private readonly Task? _released;
    private int _disposed;
    private volatile bool _unregistered;

    internal RemoteCallback(BelayClient client, ulong handle, Task? released)
    {
        _client = client;
        _released = released;
        Handle = handle;
    }

    /// <summary>Releases what the program forgot to.</summary>
    ~RemoteCallback()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            _client.Session.Requests.Release(Handle);
    }

    /// <summary>The handle's number in this session's table; of no meaning elsewhere.</summary>
    public ulong Handle { get; }

    /// <inheritdoc/>
    public Task Released => _released ?? throw new InvalidOperationException(
        "Released is told to the program that registered the callback; this handle was resolved by name");

    /// <inheritdoc/>
    public ValueTask<byte[]> InvokeAsync(ReadOnlyMemory<byte> request, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return _client.Session.Calls.InvokeAsync(Handle, request, null, cancellationToken);
    }

    /// <summary>Calls the callback, which has so long to answer.</summary>
    /// <param name="request">The bytes it gets.</param>
    /// <param name="timeout">Time until the answer; travels to the host.</param>
    /// <param name="cancellationToken">Gives up; the callback sees it in
    /// <see cref="CallContext.Cancellation"/>.</param>
    /// <returns>Its answer.</returns>
    /// <exception cref="BelayException">It was refused, ran and failed, or took too long.</exception>
    public ValueTask<byte[]> InvokeAsync(
        ReadOnlyMemory<byte> request, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return _client.Session.Calls.InvokeAsync(Handle, request, timeout, cancellationToken);
    }

    /// <inheritdoc cref="ICallback.RetainAsync"/>
    public async ValueTask<RemoteCallback> RetainAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        var reply = await _client.Session.SendAsync(
            id => new Wire.ClientOperation { Retain = new Wire.Retain { RequestId = id, Handle = Handle } },
            cancellationToken).ConfigureAwait(false);
        return new RemoteCallback(_client, reply.Handle, _released) { _unregistered = _unregistered };
    }

    async ValueTask<ICallback> ICallback.RetainAsync(CancellationToken cancellationToken) =>
        await RetainAsync(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask UnregisterAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        await _client.Session.SendAsync(
            id => new Wire.ClientOperation { Unregister = new Wire.Unregister { RequestId = id, Handle = Handle } },
            cancellationToken).ConfigureAwait(false);
        _unregistered = true;
    }

    /// <inheritdoc/>
    public Task DrainAsync(CancellationToken cancellationToken = default)
    {
        if (!_unregistered && Volatile.Read(ref _disposed) == 0)
            throw new BelayException(
                BelayStatus.FailedPrecondition, "STILL_REGISTERED",
                "the callback is still registered: unregister it before draining");
        return Released.WaitAsync(cancellationToken);
    }

    /// <summary>Not to be had on this door yet: the wire tells no way from a session's handle to the
    /// broker's.</summary>
    /// <param name="cancellationToken">Not used.</param>
    /// <returns>Never.</returns>
    /// <exception cref="BelayException"><see cref="BelayStatus.Unimplemented"/>, always. See
    /// <see cref="BelayClient.ListAsync"/>.</exception>
    public ValueTask<HandleInfo> DescribeAsync(CancellationToken cancellationToken = default) =>
        throw new BelayException(
            BelayStatus.Unimplemented, "UNIMPLEMENTED",
            "the gRPC door cannot describe one handle; list them by BelayClient.ListAsync");

    /// <summary>Releases the handle and waits for the broker's word. The second time does nothing.</summary>
    /// <param name="cancellationToken">Gives up waiting; the handle is released all the same.</param>
    /// <returns>A task that ends when the broker has closed the handle, or the session is over.</returns>
    public async ValueTask ReleaseAsync(CancellationToken cancellationToken = default)
    {
        // The finalizer, if it comes yet, sees that there is nothing left to do.
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        try
        {
            await _client.Session.ReleaseAsync(Handle, cancellationToken).ConfigureAwait(false);
        }
        catch (BelayException)
        {
            // The session is over or the broker knows no such handle: it is released, which is what was asked for.
        }
    }

    /// <summary>Releases the handle. Never waits; the second time does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        GC.SuppressFinalize(this);
        _client.Session.Requests.Release(Handle);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        var released = ReleaseAsync();
        GC.SuppressFinalize(this);
        return released;
    }

    /// <summary>Whether it may still be used; and if, the handle.</summary>
    internal ulong LiveHandle()
    {
        ThrowIfDisposed();
        return Handle;
    }

    private void ThrowIfDisposed()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        _client.ThrowIfDisposed();
    }
}
