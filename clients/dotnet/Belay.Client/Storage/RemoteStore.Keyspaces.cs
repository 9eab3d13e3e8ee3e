// The keyspaces and snapshots of the broker's store.
//
// Invariants: a RemoteStore is a name; what it leads to is what the broker has under that name when it is asked.
// Thread safety: every member from any thread.
namespace Belay.Client;

public sealed partial class RemoteStore
{
    /// <inheritdoc/>
    public async ValueTask<ISnapshot> SnapshotAsync(CancellationToken cancellationToken = default)
    {
        var answer = await Door.ReadAsync(
            new() { Snapshot = new() }, static r => (r.Snapshot?.Status, r.Snapshot), cancellationToken)
            .ConfigureAwait(false);
        return new RemoteSnapshot(Door, Keyspace, answer!);
    }

    /// <inheritdoc/>
    public async ValueTask<IStore> OpenKeyspaceAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        var store = new RemoteStore(Door, name);
        // Asks for what every keyspace can answer, so that one that is not there is told of here and not later.
        await store.EstimateAsync(KeyRange.All, cancellationToken).ConfigureAwait(false);
        return store;
    }

    /// <inheritdoc/>
    public async ValueTask<IStore> CreateKeyspaceAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        try
        {
            await Door.WriteAsync(
                new() { CreateKeyspace = new() { Keyspace = name } },
                static r => (r.CreateKeyspace?.Status, r.CreateKeyspace), cancellationToken).ConfigureAwait(false);
        }
        catch (BelayException e) when (e.Status == BelayStatus.AlreadyExists)
        {
            return await OpenKeyspaceAsync(name, cancellationToken).ConfigureAwait(false);
        }

        return new RemoteStore(Door, name);
    }

    /// <inheritdoc/>
    public async ValueTask DropKeyspaceAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        await Door.WriteAsync(
            new() { DropKeyspace = new() { Keyspace = name } }, static r => (r.DropKeyspace?.Status, r.DropKeyspace),
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<KeyspaceInfo>> ListKeyspacesAsync(CancellationToken cancellationToken = default)
    {
        var answer = await Door.ReadAsync(
            new() { ListKeyspaces = new() }, static r => (r.ListKeyspaces?.Status, r.ListKeyspaces), cancellationToken)
            .ConfigureAwait(false);
        return answer!.Keyspaces.Select(keyspace => new KeyspaceInfo(keyspace.Name, keyspace.Id)).ToArray();
    }
}
