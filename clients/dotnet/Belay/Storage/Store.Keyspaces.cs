// The store's keyspaces and snapshots.
//
// Invariants: a handle to a keyspace that was dropped leads nowhere from then on, not to a later one of the same name.
// The broker's own Store is not closed by whoever disposes it: others share it.
// Thread safety: any thread.
using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;
using Belay.Native;

namespace Belay;

public sealed unsafe partial class Store
{
    private const int FirstListing = 16;

    /// <summary>Opens another keyspace of the same store.</summary>
    /// <param name="name">1 to 128 letters, digits and ".", "_", "-".</param>
    /// <exception cref="BelayException"><see cref="BelayStatus.NotFound"/>, reason <c>NO_KEYSPACE</c>.</exception>
    public Store OpenKeyspace(string name) => OpenKeyspace(name, 0);

    /// <summary>Opens another keyspace of the same store, and makes it if it is not there.</summary>
    /// <param name="name">1 to 128 letters, digits and ".", "_", "-".</param>
    public Store CreateKeyspace(string name) => OpenKeyspace(name, NativeKeyspaceInfo.Create);

    /// <summary>Drops a keyspace with all its keys and its history, at once and for good.</summary>
    /// <param name="name">Its name.</param>
    public void DropKeyspace(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        scoped Utf8StringMarshaller.ManagedToUnmanagedIn text = default;
        try
        {
            text.FromManaged(name, stackalloc byte[0x100]);
            Status.Check(NativeMethods.KeyspaceDrop(Handle, text.ToUnmanaged()), NativeHandle);
        }
        finally
        {
            text.Free();
        }
        GC.KeepAlive(this);
    }

    /// <summary>Lists the keyspaces by name.</summary>
    public IReadOnlyList<KeyspaceInfo> ListKeyspaces()
    {
        var infos = new NativeKeyspaceInfo[FirstListing];
        while (true)
        {
            ulong count;
            infos[0].StructSize = (uint)sizeof(NativeKeyspaceInfo);
            fixed (NativeKeyspaceInfo* data = infos)
                Status.Check(NativeMethods.KeyspaceList(Handle, data, (ulong)infos.Length, &count), NativeHandle);
            GC.KeepAlive(this);
            if (count <= (ulong)infos.Length)
                return Array.ConvertAll(infos[..(int)count], info => new KeyspaceInfo(Status.TextOf(info.Name), info.Id));
            infos = new NativeKeyspaceInfo[count];
        }
    }

    /// <summary>Takes a snapshot of this keyspace.</summary>
    public Snapshot Snapshot()
    {
        ThrowIfDisposed();
        return Belay.Snapshot.Take(this);
    }

    /// <summary>
    /// Closes this program's handle to the keyspace; what is attached and open goes on. The broker's own
    /// <see cref="Broker.Store"/> stays open until the broker is closed.
    /// </summary>
    public void Dispose()
    {
        if (!Broker.Shares(this))
            NativeHandle.Dispose();
    }

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }

    private Store OpenKeyspace(string name, uint flags)
    {
        ArgumentNullException.ThrowIfNull(name);
        scoped Utf8StringMarshaller.ManagedToUnmanagedIn text = default;
        try
        {
            text.FromManaged(name, stackalloc byte[0x100]);
            ulong keyspace;
            Status.Check(NativeMethods.KeyspaceOpen(Handle, text.ToUnmanaged(), flags, &keyspace), NativeHandle);
            GC.KeepAlive(this);
            return new Store(Broker, keyspace, name);
        }
        finally
        {
            text.Free();
        }
    }
}
