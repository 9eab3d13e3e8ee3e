// Store as IStore: what a program sees that is written for either door.
//
// Invariants: the disk may block, so the work runs on the thread pool and never on the caller's thread.
// Thread safety: any thread.
namespace Belay;

public sealed unsafe partial class Store : IStore
{
    /// <inheritdoc/>
    public ValueTask<ulong> PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, WriteOptions options = default,
                                     CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Put(key.Span, value.Span, options), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<ulong?> DeleteAsync(ReadOnlyMemory<byte> key, WriteOptions options = default,
                                         CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Delete(key.Span, options), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<RangeDeletion> DeleteRangeAsync(KeyRange range, Durability durability = Durability.Sync,
                                                     CancellationToken cancellationToken = default) =>
        new(Task.Run(() => DeleteRange(range, durability), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<ulong> WriteAsync(WriteBatch batch, Durability durability = Durability.Sync,
                                       CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Write(batch, durability), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<ulong> MergeAsync(ReadOnlyMemory<byte> key, string operatorName, ReadOnlyMemory<byte> operand,
                                       WriteOptions options = default, CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Merge(key.Span, operatorName, operand.Span, options), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<ulong> UpdateAsync(ReadOnlyMemory<byte> key, UpdateFunction function, UpdateOptions? options = null,
                                        CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Update(key.Span, function, options), cancellationToken));

    ValueTask<ISubscription> IStore.WatchAsync(WatchOptions? options, WatchFunction function,
                                               CancellationToken cancellationToken) =>
        new(Task.Run<ISubscription>(() => Watch(options, function), cancellationToken));

    /// <inheritdoc/>
    public ValueTask ForgetWatchAsync(string name, CancellationToken cancellationToken = default) =>
        new(Task.Run(() => ForgetWatch(name), cancellationToken));

    ValueTask<ISubscription> IStore.ValidateAsync(ValidatorOptions? options, ValidateFunction function,
                                                  CancellationToken cancellationToken) =>
        Completed.Of<ISubscription>(() => Validate(options, function), cancellationToken);

    ValueTask<ISnapshot> IStore.SnapshotAsync(CancellationToken cancellationToken) =>
        Completed.Of<ISnapshot>(Snapshot, cancellationToken);

    ValueTask<IStore> IStore.OpenKeyspaceAsync(string name, CancellationToken cancellationToken) =>
        new(Task.Run<IStore>(() => OpenKeyspace(name), cancellationToken));

    ValueTask<IStore> IStore.CreateKeyspaceAsync(string name, CancellationToken cancellationToken) =>
        new(Task.Run<IStore>(() => CreateKeyspace(name), cancellationToken));

    /// <inheritdoc/>
    public ValueTask DropKeyspaceAsync(string name, CancellationToken cancellationToken = default) =>
        new(Task.Run(() => DropKeyspace(name), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<KeyspaceInfo>> ListKeyspacesAsync(CancellationToken cancellationToken = default) =>
        new(Task.Run(ListKeyspaces, cancellationToken));

    /// <inheritdoc/>
    public ValueTask<RangeEstimate> EstimateAsync(KeyRange range = default, CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Estimate(range), cancellationToken));

    /// <inheritdoc/>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => new(Task.Run(Flush, cancellationToken));

    /// <inheritdoc/>
    public ValueTask CompactAsync(KeyRange range = default, CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Compact(range), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<string> CheckpointAsync(string destination, CancellationToken cancellationToken = default) =>
        new(Task.Run(() =>
        {
            Checkpoint(destination);
            return Path.GetFullPath(destination);
        }, cancellationToken));

    /// <inheritdoc/>
    public ValueTask VerifyAsync(IProgress<VerifyProgress>? progress = null, CancellationToken cancellationToken = default) =>
        new(Task.Run(() => Verify(progress, cancellationToken), cancellationToken));

    /// <inheritdoc/>
    public ValueTask<StoreStatistics> GetStatisticsAsync(CancellationToken cancellationToken = default) =>
        new(Task.Run(GetStatistics, cancellationToken));
}
