// The store as IStore: what a program sees that is written for either door.
//
// Invariants: the disk may block, so the work runs on the thread pool and never on the caller's thread.
// Thread safety: any thread; one enumeration belongs to one reader.
using System.Runtime.CompilerServices;

namespace Belay;

public sealed unsafe partial class Store : IStore
{
    /// <inheritdoc/>
    public ValueTask<StoredValue?> GetAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Get(key.Span), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<ulong> PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, WriteOptions options = default,
                                     CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Put(key.Span, value.Span, options), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<ulong?> DeleteAsync(ReadOnlyMemory<byte> key, WriteOptions options = default,
                                         CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Delete(key.Span, options), cancellationToken));

    /// <inheritdoc/>
    public async IAsyncEnumerable<Row> ScanAsync(ScanOptions? options = null, RowFilter? filter = null,
                                                 [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var cursor = await Task.Run(() => Scan(options, filter), cancellationToken).ConfigureAwait(false);
        while (await Task.Run(cursor.NextRows, cancellationToken).ConfigureAwait(false) is { } rows)
        {
            foreach (var row in rows)
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return row;
            }
        }
    }

    ValueTask<ISubscription> IStore.WatchAsync(WatchOptions? options, WatchFunction function,
                                               CancellationToken cancellationToken) =>
        Completed.Of<ISubscription>(() => Watch(options, function), cancellationToken);
}
