// One keyspace of the broker's store over the session: writes and reads keep their order with the session's other
// operations.
//
// Invariants: there is nothing here to close: a keyspace is named in each request, so Dispose does nothing.
// Thread safety: every member from any thread.
using Belay.Client.Session;
using Google.Protobuf;

namespace Belay.Client;

/// <summary>One keyspace of a broker's store.</summary>
public sealed partial class RemoteStore : RemoteStoreReader, IStore
{
    internal RemoteStore(StoreDoor door, string keyspace) : base(door, keyspace)
    {
    }

    /// <inheritdoc/>
    public async ValueTask<ulong> PutAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, WriteOptions options = default,
        CancellationToken cancellationToken = default)
    {
        var request = new Wire.PutRequest
        {
            Key = ByteString.CopyFrom(key.Span),
            Value = ByteString.CopyFrom(value.Span),
            Durability = ToWire(options.Durability),
            TtlMs = options.TimeToLiveMs,
            IfAbsent = options.If.Kind == PreconditionKind.Absent,
            IfRevision = options.If.ExpectedRevision,
            Keyspace = Keyspace,
        };
        if (options.If.Kind == PreconditionKind.Value)
            request.IfValue = ByteString.CopyFrom(options.If.ExpectedValue.Span);
        var answer = await Door.WriteAsync(
            new() { Put = request }, static r => (r.Put?.Status, r.Put), cancellationToken).ConfigureAwait(false);
        return answer!.Revision;
    }

    /// <inheritdoc/>
    public async ValueTask<ulong?> DeleteAsync(
        ReadOnlyMemory<byte> key, WriteOptions options = default, CancellationToken cancellationToken = default)
    {
        options.ThrowUnlessOfDeletion();
        var request = new Wire.DeleteRequest
        {
            Key = ByteString.CopyFrom(key.Span),
            Durability = ToWire(options.Durability),
            IfRevision = options.If.ExpectedRevision,
            Keyspace = Keyspace,
        };
        if (options.If.Kind == PreconditionKind.Value)
            request.IfValue = ByteString.CopyFrom(options.If.ExpectedValue.Span);
        var answer = await Door.WriteAsync(
            new() { Delete = request }, static r => (r.Delete?.Status, r.Delete), cancellationToken)
            .ConfigureAwait(false);
        return answer?.Revision;
    }

    /// <inheritdoc/>
    public async ValueTask<ulong> MergeAsync(
        ReadOnlyMemory<byte> key, string operatorName, ReadOnlyMemory<byte> operand, WriteOptions options = default,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(operatorName);
        options.ThrowUnlessOfMerge();
        var request = new Wire.MergeRequest
        {
            Key = ByteString.CopyFrom(key.Span),
            OperatorName = operatorName,
            Operand = ByteString.CopyFrom(operand.Span),
            Durability = ToWire(options.Durability),
            TtlMs = options.TimeToLiveMs,
            Keyspace = Keyspace,
        };
        var answer = await Door.WriteAsync(
            new() { Merge = request }, static r => (r.Merge?.Status, r.Merge), cancellationToken).ConfigureAwait(false);
        return answer!.Revision;
    }

    /// <inheritdoc/>
    public async ValueTask<RangeDeletion> DeleteRangeAsync(
        KeyRange range, Durability durability = Durability.Sync, CancellationToken cancellationToken = default)
    {
        var batch = new WriteBatch().DeleteRange(range);
        var answer = await CommitAsync(batch, durability, cancellationToken).ConfigureAwait(false);
        return new(answer.DeletedCount, answer.Revision);
    }

    /// <inheritdoc/>
    public async ValueTask<ulong> WriteAsync(
        WriteBatch batch, Durability durability = Durability.Sync, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return (await CommitAsync(batch, durability, cancellationToken).ConfigureAwait(false)).Revision;
    }

    /// <inheritdoc/>
    public async ValueTask FlushAsync(CancellationToken cancellationToken = default) =>
        await Door.WriteAsync(
            new() { Flush = new() }, static r => (r.Flush?.Status, r.Flush), cancellationToken).ConfigureAwait(false);

    /// <summary>Does nothing: a keyspace is named in each request, so there is nothing to close.</summary>
    public void Dispose()
    {
    }

    /// <inheritdoc cref="Dispose"/>
    /// <returns>A task that has ended.</returns>
    public ValueTask DisposeAsync() => default;

    private static Wire.Durability ToWire(Durability durability) =>
        durability == Durability.Async ? Wire.Durability.Async : Wire.Durability.Sync;

    private async ValueTask<Wire.WriteResponse> CommitAsync(
        WriteBatch batch, Durability durability, CancellationToken cancellationToken)
    {
        var request = new Wire.WriteRequest { Durability = ToWire(durability), Keyspace = Keyspace };
        request.Operations.AddRange(batch.Operations.Select(WireBatch.ToWire));
        var answer = await Door.WriteAsync(
            new() { Write = request }, static r => (r.Write?.Status, r.Write), cancellationToken).ConfigureAwait(false);
        return answer!;
    }
}
