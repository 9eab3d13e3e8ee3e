// What can be read of the embedded store, through a handle to a keyspace as it is now or as a snapshot has it.
//
// Invariants: a value larger than the buffer is asked for again with a larger one, inside.
// Thread safety: every member may be called from any thread. All may block: the disk.
using System.Buffers;
using Belay.Native;

namespace Belay;

/// <summary>Ordered keys and values in this process, to be read.</summary>
public abstract unsafe partial class StoreReader
{
    private const int ScratchSize = 1024;

    private protected StoreReader(Broker broker, ulong handle)
    {
        Broker = broker;
        NativeHandle = new ObjectHandle(handle);
    }

    /// <summary>The broker it belongs to.</summary>
    public Broker Broker { get; }

    /// <summary>The handle's number.</summary>
    public ulong Handle => NativeHandle.Value;

    private protected ObjectHandle NativeHandle { get; }

    /// <summary>Reads one key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <returns>The value; null if there is no such key.</returns>
    public StoredValue? Get(ReadOnlySpan<byte> key)
    {
        Span<byte> scratch = stackalloc byte[ScratchSize];
        byte[]? rented = null;
        try
        {
            var buffer = scratch;
            while (true)
            {
                var status = Read(key, buffer, out var size, out var revision);
                if (status == BelayStatus.Ok)
                    return new StoredValue(buffer[..(int)size].ToArray(), revision);
                if (status == BelayStatus.NotFound)
                    return null;
                // Too small. It may have grown again by the next turn, so this is a loop.
                if (rented != null)
                    ArrayPool<byte>.Shared.Return(rented);
                rented = null;
                rented = ArrayPool<byte>.Shared.Rent(checked((int)size));
                buffer = rented;
            }
        }
        finally
        {
            if (rented != null)
                ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Reads one key without allocating.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="value">Takes the value.</param>
    /// <param name="revision">Revision of the key's last change; 0 if there is no such key.</param>
    /// <returns>Whether there is such a key.</returns>
    public bool TryGet(ReadOnlySpan<byte> key, IBufferWriter<byte> value, out ulong revision)
    {
        ArgumentNullException.ThrowIfNull(value);
        var buffer = value.GetSpan(ScratchSize);
        while (true)
        {
            var status = Read(key, buffer, out var size, out revision);
            if (status == BelayStatus.NotFound)
                return false;
            if (status == BelayStatus.Ok)
            {
                value.Advance((int)size);
                return true;
            }
            buffer = value.GetSpan(checked((int)size));
        }
    }

    /// <summary>Reads what a key knows of itself.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <returns>Its revisions, version and expiry; null if there is no such key.</returns>
    public KeyInfo? GetInfo(ReadOnlySpan<byte> key)
    {
        var info = new NativeKeyInfo { StructSize = (uint)sizeof(NativeKeyInfo) };
        int status;
        fixed (byte* keyData = key)
            status = NativeMethods.StoreKeyInfo(Handle, keyData, (ulong)key.Length, &info);
        if (IsNoKey(status))
            return null;
        Status.Check(status, NativeHandle);
        GC.KeepAlive(this);
        return new KeyInfo(info.ValueSize, info.CreateRevision, info.ModRevision, info.Version,
                           KeyInfo.ExpiryOf(info.ExpiresAtMs));
    }

    private protected void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(NativeHandle.IsClosed, this);

    /// <summary>Whether a read or deletion says that there is no such key, rather than no such keyspace.</summary>
    private protected static bool IsNoKey(int status) =>
        (BelayStatus)status == BelayStatus.NotFound && !Status.HasReason(status, "NO_KEYSPACE"u8);

    private BelayStatus Read(ReadOnlySpan<byte> key, Span<byte> buffer, out ulong size, out ulong revision)
    {
        ulong valueSize = 0, lastRevision = 0;
        int status;
        fixed (byte* keyData = key, bufferData = buffer)
        {
            status = NativeMethods.StoreGet(Handle, keyData, (ulong)key.Length, bufferData, (ulong)buffer.Length, &valueSize,
                                            &lastRevision);
        }
        size = valueSize;
        revision = lastRevision;
        if ((BelayStatus)status is not (BelayStatus.Ok or BelayStatus.BufferTooSmall) && !IsNoKey(status))
            Status.Throw(status, NativeHandle);
        GC.KeepAlive(this);
        return (BelayStatus)status;
    }
}
