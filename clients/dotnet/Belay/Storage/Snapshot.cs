// A keyspace of the embedded store as it was at one moment.
//
// Invariants: it lasts until this is disposed or collected; scans begun over it go on.
// Thread safety: every member may be called from any thread.
using Belay.Native;

namespace Belay;

/// <summary>A keyspace as it was when the snapshot was taken. Dispose it: it keeps old values on disk.</summary>
public sealed unsafe class Snapshot : StoreReader, ISnapshot
{
    private Snapshot(Broker broker, ulong handle) : base(broker, handle)
    {
        ulong revision;
        Status.Check(NativeMethods.StoreRevision(handle, &revision, null), NativeHandle);
        Revision = revision;
    }

    /// <inheritdoc/>
    public ulong Revision { get; }

    /// <summary>Lets the old values go. Never blocks; harmless twice.</summary>
    public void Dispose() => NativeHandle.Dispose();

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }

    internal static Snapshot Take(Store store)
    {
        ulong handle;
        Status.Check(NativeMethods.StoreSnapshot(store.Handle, &handle));
        return new Snapshot(store.Broker, handle);
    }
}
