// The store, as both doors show it: ordered bytes to bytes; every commit has one revision.
//
// Invariants
//   - A write that has completed is on disk, unless Durability.Async was asked for.
//   - What a function handed over here closes over lives until Belay says that the function has ended, no longer (R3).
//
// Thread safety: every member may be called from any thread.
namespace Belay;

/// <summary>
/// One keyspace of the store: ordered, durable keys and values. Revisions, and what is said of the store as a whole, are
/// shared by its keyspaces.
/// </summary>
/// <remarks>
/// Errors of every write: <see cref="BelayStatus.FailedPrecondition"/> with reason <c>REJECTED</c> and the words of the
/// validator that refused it; <see cref="BelayStatus.Unavailable"/> with reason <c>VALIDATOR_FAILED</c> if one could not
/// be asked, with <c>STORE_READ_ONLY</c> if the disk failed; <see cref="BelayStatus.InvalidArgument"/> with reason
/// <c>LIMIT_EXCEEDED</c> and a text that names the bound. Nothing was written then.
/// </remarks>
public interface IStore : IStoreReader, IDisposable, IAsyncDisposable
{
    /// <summary>Name of the keyspace.</summary>
    string Keyspace { get; }

    /// <summary>Writes one key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="value">At most 64 MiB.</param>
    /// <param name="options">Condition, time to live and durability.</param>
    /// <param name="cancellationToken">Gives up waiting; the write may have happened.</param>
    /// <returns>The revision of the commit.</returns>
    /// <exception cref="BelayException"><see cref="BelayStatus.Aborted"/>: the condition did not hold.</exception>
    ValueTask<ulong> PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, WriteOptions options = default,
                              CancellationToken cancellationToken = default);

    /// <summary>Deletes one key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="options">Condition and durability.</param>
    /// <param name="cancellationToken">Gives up waiting; the deletion may have happened.</param>
    /// <returns>The revision of the commit; null if there was no such key.</returns>
    ValueTask<ulong?> DeleteAsync(ReadOnlyMemory<byte> key, WriteOptions options = default,
                                  CancellationToken cancellationToken = default);

    /// <summary>Deletes all keys of a range in one commit; at most 100,000, else nothing is deleted.</summary>
    /// <param name="range">Which keys.</param>
    /// <param name="durability">When the deletion counts as done.</param>
    /// <param name="cancellationToken">Gives up waiting; the deletion may have happened.</param>
    ValueTask<RangeDeletion> DeleteRangeAsync(KeyRange range, Durability durability = Durability.Sync,
                                              CancellationToken cancellationToken = default);

    /// <summary>Commits a batch: all of it or nothing, as one revision. The batch stays as it is.</summary>
    /// <param name="batch">1 to 10,000 operations, at most 64 MiB.</param>
    /// <param name="durability">When the batch counts as written.</param>
    /// <param name="cancellationToken">Gives up waiting; the write may have happened.</param>
    /// <returns>The revision of the commit; of the last one before it if the batch changed nothing.</returns>
    /// <exception cref="BelayException"><see cref="BelayStatus.Aborted"/>: a condition did not hold.</exception>
    ValueTask<ulong> WriteAsync(WriteBatch batch, Durability durability = Durability.Sync,
                                CancellationToken cancellationToken = default);

    /// <summary>Replaces a key's value by what a function makes of it, as one step.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="function">Makes the value; called again if the key has changed meanwhile, 32 times at most.</param>
    /// <param name="options">What else to say.</param>
    /// <param name="cancellationToken">Gives up waiting; the update may have happened.</param>
    /// <returns>The revision of the commit; of the store if nothing was written.</returns>
    /// <exception cref="BelayException">
    /// <see cref="BelayStatus.CallbackFailed"/>: the function threw; reason <c>TOO_MANY_CONFLICTS</c>.
    /// </exception>
    ValueTask<ulong> UpdateAsync(ReadOnlyMemory<byte> key, UpdateFunction function, UpdateOptions? options = null,
                                 CancellationToken cancellationToken = default);

    /// <summary>Makes of a key's value and an operand what an operator makes of them, as one step.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="operatorName">
    /// <c>add_i64</c> (8 bytes each, little-endian; no key counts as 0), <c>append</c>, <c>max</c>, <c>min</c>, or the
    /// public name of a callback.
    /// </param>
    /// <param name="operand">At most 64 MiB.</param>
    /// <param name="options">Time to live and durability; no condition. Without the former an expiry stays.</param>
    /// <param name="cancellationToken">Gives up waiting; the merge may have happened.</param>
    /// <returns>The revision of the commit; of the last one before it if the value stays as it is.</returns>
    /// <exception cref="BelayException">
    /// <see cref="BelayStatus.NotFound"/>, reason <c>NO_OPERATOR</c>; <see cref="BelayStatus.FailedPrecondition"/>, reason
    /// <c>NOT_MERGEABLE</c>; <see cref="BelayStatus.OutOfRange"/>; reason <c>TOO_MANY_CONFLICTS</c>; those of the callback.
    /// </exception>
    ValueTask<ulong> MergeAsync(ReadOnlyMemory<byte> key, string operatorName, ReadOnlyMemory<byte> operand,
                                WriteOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Attaches a watch. It lasts until the subscription is disposed.</summary>
    /// <param name="options">Which keys, from which revision; null: all changes from now on.</param>
    /// <param name="function">Receives the changes.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    ValueTask<ISubscription> WatchAsync(WatchOptions? options, WatchFunction function,
                                        CancellationToken cancellationToken = default);

    /// <summary>Forgets how far the watches of a name have got: the next one begins anew.</summary>
    /// <param name="name">As in <see cref="WatchOptions.Name"/>.</param>
    /// <param name="cancellationToken">Gives up waiting; it may have been forgotten.</param>
    /// <exception cref="BelayException">
    /// <see cref="BelayStatus.NotFound"/>; <see cref="BelayStatus.FailedPrecondition"/> while one is attached.
    /// </exception>
    ValueTask ForgetWatchAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>Attaches a validator, which is asked before a write is committed, until the subscription is disposed.</summary>
    /// <param name="options">Which keys; null: all.</param>
    /// <param name="function">Accepts, refuses or amends.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    ValueTask<ISubscription> ValidateAsync(ValidatorOptions? options, ValidateFunction function,
                                           CancellationToken cancellationToken = default);

    /// <summary>Takes a snapshot of this keyspace.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    ValueTask<ISnapshot> SnapshotAsync(CancellationToken cancellationToken = default);

    /// <summary>Opens another keyspace of the same store.</summary>
    /// <param name="name">1 to 128 letters, digits and ".", "_", "-".</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="BelayException"><see cref="BelayStatus.NotFound"/>, reason <c>NO_KEYSPACE</c>.</exception>
    ValueTask<IStore> OpenKeyspaceAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>Opens another keyspace of the same store, and makes it if it is not there.</summary>
    /// <param name="name">1 to 128 letters, digits and ".", "_", "-".</param>
    /// <param name="cancellationToken">Gives up waiting; the keyspace may have been made.</param>
    ValueTask<IStore> CreateKeyspaceAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>Drops a keyspace with all its keys and its history, at once and for good.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="cancellationToken">Gives up waiting; it may have been dropped.</param>
    ValueTask DropKeyspaceAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>Lists the keyspaces by name.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    ValueTask<IReadOnlyList<KeyspaceInfo>> ListKeyspacesAsync(CancellationToken cancellationToken = default);

    /// <summary>Estimates keys and bytes of a range without reading it.</summary>
    /// <param name="range">Which keys; by default all.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    ValueTask<RangeEstimate> EstimateAsync(KeyRange range = default, CancellationToken cancellationToken = default);

    /// <summary>Makes all that was written before durable.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    ValueTask FlushAsync(CancellationToken cancellationToken = default);

    /// <summary>Gives the space of what was deleted or replaced in a range back to the disk. May take long.</summary>
    /// <param name="range">Which keys; by default all.</param>
    /// <param name="cancellationToken">Gives up waiting; the work goes on.</param>
    ValueTask CompactAsync(KeyRange range = default, CancellationToken cancellationToken = default);

    /// <summary>Makes a backup of all keyspaces as they are now. May take long; writes go on.</summary>
    /// <param name="destination">
    /// In-process the path of a folder that does not exist yet or is empty; over gRPC the name of a folder to be made in
    /// the one that the broker keeps backups in.
    /// </param>
    /// <param name="cancellationToken">Gives up waiting; the work goes on.</param>
    /// <returns>Where it lies: a store of its own, to be opened like any other.</returns>
    ValueTask<string> CheckpointAsync(string destination, CancellationToken cancellationToken = default);

    /// <summary>Reads everything and compares it with its checksums. May take long.</summary>
    /// <param name="progress">Told how far it is; null: nobody.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="BelayException"><see cref="BelayStatus.DataLoss"/>, naming what is damaged.</exception>
    ValueTask VerifyAsync(IProgress<VerifyProgress>? progress = null, CancellationToken cancellationToken = default);

    /// <summary>What the store tells of itself.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    ValueTask<StoreStatistics> GetStatisticsAsync(CancellationToken cancellationToken = default);
}
