// What can be read of the broker's store over the session, of a keyspace as it is now or as a snapshot has it.
//
// Invariants: reads keep their order with the session's other operations.
// Thread safety: every member from any thread.
using Google.Protobuf;

namespace Belay.Client;

/// <summary>Ordered keys and values of a broker, to be read.</summary>
public abstract partial class RemoteStoreReader : IStoreReader
{
    private protected RemoteStoreReader(StoreDoor door, string keyspace)
    {
        Door = door;
        Keyspace = keyspace;
    }

    /// <summary>Name of the keyspace.</summary>
    public string Keyspace { get; }

    private protected StoreDoor Door { get; }

    /// <summary>0: as it is now.</summary>
    private protected virtual ulong SnapshotHandle => 0;

    /// <inheritdoc/>
    public async ValueTask<StoredValue?> GetAsync(
        ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        var found = await FindAsync(key, cancellationToken).ConfigureAwait(false);
        return found is null ? null : new StoredValue(found.Value.ToByteArray(), found.ModRevision);
    }

    /// <inheritdoc/>
    public async ValueTask<KeyInfo?> GetInfoAsync(
        ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        var found = await FindAsync(key, cancellationToken).ConfigureAwait(false);
        return found is null
            ? null
            : new KeyInfo((ulong)found.Value.Length, found.CreateRevision, found.ModRevision, found.Version,
                          KeyInfo.ExpiryOf(found.ExpiresAtMs));
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoredValue?>> GetManyAsync(
        IReadOnlyList<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var request = new Wire.GetManyRequest { Keyspace = Keyspace };
        request.Keys.AddRange(keys.Select(key => ByteString.CopyFrom(key.Span)));
        var answer = await Door.ReadAsync(
            new() { GetMany = request, SnapshotHandle = SnapshotHandle }, static r => (r.GetMany?.Status, r.GetMany),
            cancellationToken).ConfigureAwait(false);
        var values = new StoredValue?[keys.Count];
        var i = 0;
        foreach (var record in answer!.Records)
        {
            // In the order asked for, without those that are not there.
            while (i < values.Length && !request.Keys[i].Equals(record.Key))
                i++;
            if (i == values.Length)
                throw new BelayException(BelayStatus.DataLoss, "WRONG_ANSWER", "the broker answered with a key not asked for");
            values[i++] = new StoredValue(record.Value.ToByteArray(), record.ModRevision);
        }

        return values;
    }

    /// <inheritdoc/>
    public async ValueTask<ulong> CountAsync(KeyRange range = default, CancellationToken cancellationToken = default)
    {
        var request = new Wire.CountRequest { Range = ToWire(range), Keyspace = Keyspace };
        var answer = await Door.ReadAsync(
            new() { Count = request, SnapshotHandle = SnapshotHandle }, static r => (r.Count?.Status, r.Count),
            cancellationToken).ConfigureAwait(false);
        return answer!.Count;
    }

    private protected static Wire.KeyRange ToWire(KeyRange range) => new()
    {
        Start = ByteString.CopyFrom(range.Start.Span),
        End = ByteString.CopyFrom(range.End.Span),
    };

    private ValueTask<Wire.GetResponse?> FindAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
    {
        var request = new Wire.GetRequest { Key = ByteString.CopyFrom(key.Span), Keyspace = Keyspace };
        return Door.ReadAsync(
            new() { Get = request, SnapshotHandle = SnapshotHandle }, static r => (r.Get?.Status, r.Get),
            cancellationToken);
    }
}
