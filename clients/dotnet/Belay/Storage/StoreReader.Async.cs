// StoreReader as IStoreReader: what a program sees that is written for either door.
//
// Invariants: the disk may block, so the work runs on the thread pool and never on the caller's thread.
// Thread safety: any thread; one enumeration belongs to one reader.
using System.Runtime.CompilerServices;

namespace Belay;

public abstract unsafe partial class StoreReader : IStoreReader
{
    /// <inheritdoc/>
    public ValueTask<StoredValue?> GetAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Get(key.Span), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<KeyInfo?> GetInfoAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        new(Task.Run(() => GetInfo(key.Span), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredValue?>> GetManyAsync(IReadOnlyList<ReadOnlyMemory<byte>> keys,
                                                               CancellationToken cancellationToken = default) =>
        new(Task.Run(() => GetMany(keys), cancellationToken));

    /// <inheritdoc/>
    public IAsyncEnumerable<Row> ScanAsync(ScanOptions? options = null, RowFilter? filter = null,
                                           CancellationToken cancellationToken = default) =>
        RowsAsync(() => Scan(options, filter), cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<Row> ScanAsync(ScanOptions? options, RowFilter? filter, RowProjection projection,
                                           CancellationToken cancellationToken = default) =>
        RowsAsync(() => Scan(options, filter, projection), cancellationToken);

    private static async IAsyncEnumerable<Row> RowsAsync(Func<Cursor> scan,
                                                         [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var cursor = await Task.Run(scan, cancellationToken).ConfigureAwait(false);
        while (await Task.Run(cursor.NextRows, cancellationToken).ConfigureAwait(false) is { } rows)
        {
            foreach (var row in rows)
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return row;
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask<ulong> CountAsync(KeyRange range = default, CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Count(range), cancellationToken));
}
