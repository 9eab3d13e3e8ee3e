// A keyspace of the broker's store as it was at one moment.
//
// Invariants: it lasts until it is disposed or forgotten, or the session ends; scans begun over it go on.
// Thread safety: every member from any thread.
using Belay.Client.Session;

namespace Belay.Client;

/// <summary>A keyspace as it was when the snapshot was taken. Dispose it: it keeps old values on disk.</summary>
public sealed class RemoteSnapshot : RemoteStoreReader, ISnapshot
{
    private readonly SessionHandle _handle;

    internal RemoteSnapshot(StoreDoor door, string keyspace, Wire.SnapshotResponse snapshot) : base(door, keyspace)
    {
        _handle = new SessionHandle(door.Client.Session, snapshot.Handle);
        Revision = snapshot.Revision;
    }

    /// <inheritdoc/>
    public ulong Revision { get; }

    /// <summary>Its handle in this session's table.</summary>
    public ulong Handle => _handle.Value;

    /// <summary>Lets the old values go. Never waits; the second time does nothing.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>Lets the old values go and waits for the broker's word.</summary>
    /// <returns>A task that ends when the broker has done so, or the session is over.</returns>
    public ValueTask DisposeAsync() => _handle.DisposeAsync();

    private protected override ulong SnapshotHandle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle.IsDisposed, this);
            return _handle.Value;
        }
    }
}
