// The embedded store, of the broker it was opened from: one keyspace of it, to be written.
//
// Invariants: a write that has returned is on disk, unless Durability.Async was asked for.
// Thread safety: every member may be called from any thread. All may block: the disk, and validators.
using Belay.Native;

namespace Belay;

/// <summary>One keyspace of the store in this process.</summary>
public sealed unsafe partial class Store : StoreReader
{
    private Store(Broker broker, ulong handle, string keyspace) : base(broker, handle) => Keyspace = keyspace;

    /// <summary>Name of the keyspace.</summary>
    public string Keyspace { get; }

    internal static Store Open(Broker broker, BrokerHandle handle)
    {
        ulong store;
        Status.Check(NativeMethods.StoreOpen(handle.Value, &store), handle);
        return new Store(broker, store, "default");
    }

    /// <summary>Writes one key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="value">At most 64 MiB.</param>
    /// <param name="options">Condition, time to live and durability.</param>
    /// <returns>The revision of the commit.</returns>
    /// <exception cref="BelayException">
    /// <see cref="BelayStatus.Aborted"/>: the condition did not hold; others as at <see cref="IStore"/>.
    /// </exception>
    public ulong Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, WriteOptions options = default)
    {
        ulong revision;
        fixed (byte* keyData = key, valueData = value, expected = options.If.ExpectedValue.Span)
        {
            var native = NativeWriteOptions.Of(options, expected);
            Status.Check(NativeMethods.StorePut(Handle, keyData, (ulong)key.Length, valueData, (ulong)value.Length, &native,
                                                &revision), NativeHandle);
        }
        GC.KeepAlive(this);
        return revision;
    }

    /// <summary>Deletes one key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="options">Condition and durability.</param>
    /// <returns>The revision of the commit; null if there was no such key.</returns>
    public ulong? Delete(ReadOnlySpan<byte> key, WriteOptions options = default)
    {
        options.ThrowUnlessOfDeletion();
        ulong revision;
        int status;
        fixed (byte* keyData = key, expected = options.If.ExpectedValue.Span)
        {
            var native = NativeWriteOptions.Of(options, expected);
            status = NativeMethods.StoreDelete(Handle, keyData, (ulong)key.Length, &native, &revision);
        }
        if (IsNoKey(status))
            return null;
        Status.Check(status, NativeHandle);
        GC.KeepAlive(this);
        return revision;
    }

    /// <summary>Deletes all keys of a range in one commit; at most 100,000, else nothing is deleted.</summary>
    /// <param name="range">Which keys.</param>
    /// <param name="durability">When the deletion counts as done.</param>
    public RangeDeletion DeleteRange(KeyRange range, Durability durability = Durability.Sync)
    {
        var native = NativeWriteOptions.Of(durability);
        ulong count, revision;
        fixed (byte* start = range.Start.Span, end = range.End.Span)
        {
            Status.Check(NativeMethods.StoreDeleteRange(Handle, start, (ulong)range.Start.Length, end,
                                                        (ulong)range.End.Length, &native, &count, &revision), NativeHandle);
        }
        GC.KeepAlive(this);
        return new(count, revision);
    }

    /// <inheritdoc cref="IStore.MergeAsync"/>
    public ulong Merge(ReadOnlySpan<byte> key, string operatorName, ReadOnlySpan<byte> operand,
                       WriteOptions options = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(operatorName);
        options.ThrowUnlessOfMerge();
        ulong revision;
        fixed (byte* keyData = key, operandData = operand)
        {
            var native = NativeWriteOptions.Of(options, null);
            Status.Check(NativeMethods.StoreMerge(Handle, keyData, (ulong)key.Length, operatorName, operandData,
                                                  (ulong)operand.Length, &native, &revision), NativeHandle);
        }
        GC.KeepAlive(this);
        return revision;
    }

    /// <summary>Commits a batch: all of it or nothing, as one revision. The batch stays as it is.</summary>
    /// <param name="batch">1 to 10,000 operations, at most 64 MiB.</param>
    /// <param name="durability">When the batch counts as written.</param>
    /// <returns>The revision of the commit; of the last one before it if the batch changed nothing.</returns>
    /// <exception cref="BelayException"><see cref="BelayStatus.Aborted"/>: a condition did not hold.</exception>
    public ulong Write(WriteBatch batch, Durability durability = Durability.Sync)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var native = NativeBatch.Open(NativeHandle);
        foreach (var operation in batch.Operations)
            native.Add(operation);
        var revision = native.Commit(durability);
        GC.KeepAlive(this);
        return revision;
    }

    /// <summary>Makes all that was written before durable.</summary>
    public void Flush()
    {
        Status.Check(NativeMethods.StoreFlush(Handle), NativeHandle);
        GC.KeepAlive(this);
    }
}
