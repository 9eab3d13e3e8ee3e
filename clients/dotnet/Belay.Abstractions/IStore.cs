// The store, as both doors show it: ordered bytes to bytes; every commit has one revision.
//
// Invariants: a write that has completed is on disk, unless WriteOptions.Async was given.
// Thread safety: every member may be called from any thread; one enumeration belongs to one reader.
namespace Belay;

/// <summary>Ordered, durable keys and values.</summary>
public interface IStore
{
    /// <summary>Reads one key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The value; null if there is no such key.</returns>
    ValueTask<StoredValue?> GetAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default);

    /// <summary>Writes one key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="value">At most 64 MiB.</param>
    /// <param name="options">Conditions and durability.</param>
    /// <param name="cancellationToken">Gives up waiting; the write may have happened.</param>
    /// <returns>The revision of the commit.</returns>
    /// <exception cref="BelayException"><see cref="BelayStatus.Aborted"/>: a condition did not hold.</exception>
    ValueTask<ulong> PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, WriteOptions options = default,
                              CancellationToken cancellationToken = default);

    /// <summary>Deletes one key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="options">Conditions and durability.</param>
    /// <param name="cancellationToken">Gives up waiting; the deletion may have happened.</param>
    /// <returns>The revision of the commit; null if there was no such key.</returns>
    ValueTask<ulong?> DeleteAsync(ReadOnlyMemory<byte> key, WriteOptions options = default,
                                  CancellationToken cancellationToken = default);

    /// <summary>Reads a range at one snapshot.</summary>
    /// <param name="options">Which rows, in which order.</param>
    /// <param name="filter">Picks rows, beside the data; null: all.</param>
    /// <param name="cancellationToken">Stops the scan.</param>
    IAsyncEnumerable<Row> ScanAsync(ScanOptions? options = null, RowFilter? filter = null,
                                    CancellationToken cancellationToken = default);

    /// <summary>Attaches a watch. It lasts until the subscription is disposed.</summary>
    /// <param name="options">Which keys, from which revision.</param>
    /// <param name="function">Receives the changes.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    ValueTask<ISubscription> WatchAsync(WatchOptions? options, WatchFunction function,
                                        CancellationToken cancellationToken = default);
}

/// <summary>A value and the revision of its last change.</summary>
/// <param name="Value">The bytes.</param>
/// <param name="Revision">Revision of the key's last change.</param>
public readonly record struct StoredValue(byte[] Value, ulong Revision);

/// <summary>How a write is to be done.</summary>
public readonly record struct WriteOptions
{
    /// <summary>Do not wait for the disk: a crash may lose the write.</summary>
    public bool Async { get; init; }

    /// <summary>Only if the key does not exist.</summary>
    public bool IfAbsent { get; init; }

    /// <summary>Only if the key was last changed at this revision; null: no condition.</summary>
    public ulong? IfRevision { get; init; }
}

/// <summary>Which rows a scan returns.</summary>
public sealed record ScanOptions
{
    /// <summary>First key of the range; empty: from the beginning.</summary>
    public ReadOnlyMemory<byte> Start { get; init; }

    /// <summary>The range ends before it; empty: to the end.</summary>
    public ReadOnlyMemory<byte> End { get; init; }

    /// <summary>Only keys that begin so; excludes <see cref="Start"/> and <see cref="End"/>.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>Last key first.</summary>
    public bool Reverse { get; init; }

    /// <summary>Leave the values out.</summary>
    public bool KeysOnly { get; init; }

    /// <summary>Rows returned at most; 0: all.</summary>
    public ulong Limit { get; init; }
}

/// <summary>Which changes a watch receives.</summary>
public sealed record WatchOptions
{
    /// <summary>Only keys that begin so; empty: all.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>First revision to deliver; 0: changes after the attach.</summary>
    public ulong FromRevision { get; init; }

    /// <summary>What the watch is for, shown in listings.</summary>
    public string Label { get; init; } = "watch";
}
