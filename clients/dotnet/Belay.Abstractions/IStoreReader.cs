// What can be read, of a keyspace as it is now and of a snapshot alike.
//
// Invariants: one answer shows one moment, however many keys it holds.
// Thread safety: every member may be called from any thread; one enumeration belongs to one reader.
namespace Belay;

/// <summary>Ordered keys and values, to be read.</summary>
public interface IStoreReader
{
    /// <summary>Reads one key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The value; null if there is no such key.</returns>
    ValueTask<StoredValue?> GetAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default);

    /// <summary>Reads what a key knows of itself.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Its revisions, version and expiry; null if there is no such key.</returns>
    ValueTask<KeyInfo?> GetInfoAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default);

    /// <summary>Reads several keys as of one moment.</summary>
    /// <param name="keys">At most 10,000.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>For each key, in the order asked for, its value; null where there is none.</returns>
    ValueTask<IReadOnlyList<StoredValue?>> GetManyAsync(IReadOnlyList<ReadOnlyMemory<byte>> keys,
                                                        CancellationToken cancellationToken = default);

    /// <summary>Reads a range as of one moment.</summary>
    /// <param name="options">Which rows, in which order; null: all.</param>
    /// <param name="filter">Picks rows, beside the data; null: all.</param>
    /// <param name="cancellationToken">Stops the scan.</param>
    IAsyncEnumerable<Row> ScanAsync(ScanOptions? options = null, RowFilter? filter = null,
                                    CancellationToken cancellationToken = default);

    /// <summary>Reads a range as of one moment, with values that a function makes, beside the data, of those it has.</summary>
    /// <param name="options">Which rows, in which order, but for keys alone; null: all.</param>
    /// <param name="filter">Picks rows; null: all.</param>
    /// <param name="projection">Makes the values, of the rows that the filter kept.</param>
    /// <param name="cancellationToken">Stops the scan.</param>
    IAsyncEnumerable<Row> ScanAsync(ScanOptions? options, RowFilter? filter, RowProjection projection,
                                    CancellationToken cancellationToken = default);

    /// <summary>Counts keys exactly, by reading them.</summary>
    /// <param name="range">Which keys; by default all.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    ValueTask<ulong> CountAsync(KeyRange range = default, CancellationToken cancellationToken = default);
}

/// <summary>A keyspace as it was when the snapshot was taken. Dispose it: it keeps old values on disk.</summary>
/// <remarks>
/// Reads fail with <see cref="BelayStatus.Unavailable"/>, reason <c>SNAPSHOT_LOST</c>, once the store had to recover from
/// a disk fault.
/// </remarks>
public interface ISnapshot : IStoreReader, IDisposable, IAsyncDisposable
{
    /// <summary>The store's revision that it shows: a watch from the next one on misses nothing.</summary>
    ulong Revision { get; }
}
