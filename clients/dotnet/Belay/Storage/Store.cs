// The embedded store, of the broker it was opened from.
//
// Invariants: a write that has returned is on disk, unless WriteOptions.Async was given; a value larger than the buffer is
// asked for again with a larger one, inside.
// Thread safety: every member may be called from any thread. All may block: the disk.
using System.Buffers;
using Belay.Native;

namespace Belay;

/// <summary>Ordered, durable keys and values in this process.</summary>
public sealed unsafe partial class Store
{
    private const int ScratchSize = 1024;

    private readonly Broker _broker;
    private readonly ObjectHandle _handle;

    private Store(Broker broker, ObjectHandle handle)
    {
        _broker = broker;
        _handle = handle;
    }

    /// <summary>The handle's number.</summary>
    public ulong Handle => _handle.Value;

    internal static Store Open(Broker broker, BrokerHandle handle)
    {
        ulong store;
        Status.Check(NativeMethods.StoreOpen(handle.Value, &store), handle);
        return new Store(broker, new ObjectHandle(store));
    }

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

    /// <summary>Writes one key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="value">At most 64 MiB.</param>
    /// <param name="options">Conditions and durability.</param>
    /// <returns>The revision of the commit.</returns>
    /// <exception cref="BelayException">
    /// <see cref="BelayStatus.Aborted"/>: a condition did not hold; reason <c>STORE_READ_ONLY</c>: the disk failed.
    /// </exception>
    public ulong Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, WriteOptions options = default)
    {
        var native = ToNative(options);
        ulong revision;
        fixed (byte* keyData = key, valueData = value)
        {
            Status.Check(NativeMethods.StorePut(Handle, keyData, (ulong)key.Length, valueData, (ulong)value.Length, &native,
                                                &revision), _handle);
        }
        GC.KeepAlive(this);
        return revision;
    }

    /// <summary>Deletes one key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="options">Conditions and durability.</param>
    /// <returns>The revision of the commit; null if there was no such key.</returns>
    public ulong? Delete(ReadOnlySpan<byte> key, WriteOptions options = default)
    {
        var native = ToNative(options);
        ulong revision;
        int status;
        fixed (byte* keyData = key)
            status = NativeMethods.StoreDelete(Handle, keyData, (ulong)key.Length, &native, &revision);
        GC.KeepAlive(this);
        if (status == (int)BelayStatus.NotFound)
            return null;
        Status.Check(status, _handle);
        return revision;
    }

    private BelayStatus Read(ReadOnlySpan<byte> key, Span<byte> buffer, out ulong size, out ulong revision)
    {
        ulong valueSize = 0, lastRevision = 0;
        int status;
        fixed (byte* keyData = key, bufferData = buffer)
        {
            status = NativeMethods.StoreGet(Handle, keyData, (ulong)key.Length, bufferData, (ulong)buffer.Length, &valueSize,
                                            &lastRevision);
        }
        GC.KeepAlive(this);
        size = valueSize;
        revision = lastRevision;
        if ((BelayStatus)status is not (BelayStatus.Ok or BelayStatus.NotFound or BelayStatus.BufferTooSmall))
            Status.Throw(status, _handle);
        return (BelayStatus)status;
    }

    private static NativeWriteOptions ToNative(WriteOptions options) => new()
    {
        StructSize = (uint)sizeof(NativeWriteOptions),
        Flags = (options.Async ? NativeWriteOptions.Async : 0) | (options.IfAbsent ? NativeWriteOptions.IfAbsent : 0) |
                (options.IfRevision != null ? NativeWriteOptions.ByRevision : 0),
        IfRevision = options.IfRevision ?? 0,
    };
}
