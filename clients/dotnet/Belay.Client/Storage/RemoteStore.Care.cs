// Taking care of the broker's store: space, backups, checks, numbers. What may take long has a call of its own beside
// the session.
//
// Thread safety: every member from any thread.
using Belay.Client.Grpc;
using Belay.Client.Session;

namespace Belay.Client;

public sealed partial class RemoteStore
{
    /// <inheritdoc/>
    public async ValueTask<RangeEstimate> EstimateAsync(
        KeyRange range = default, CancellationToken cancellationToken = default)
    {
        var request = new Wire.EstimateRequest { Range = ToWire(range), Keyspace = Keyspace };
        var answer = await Door.ReadAsync(
            new() { Estimate = request }, static r => (r.Estimate?.Status, r.Estimate), cancellationToken)
            .ConfigureAwait(false);
        return new(answer!.Keys, answer.SizeBytes);
    }

    /// <inheritdoc/>
    public async ValueTask CompactAsync(KeyRange range = default, CancellationToken cancellationToken = default)
    {
        var request = new Wire.CompactRequest { Range = ToWire(range), Keyspace = Keyspace };
        await Door.CallAsync(WireMethods.Compact, request, static r => r.Status, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<string> CheckpointAsync(string destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        var answer = await Door.CallAsync(
            WireMethods.Checkpoint, new Wire.CheckpointRequest { Name = destination }, static r => r.Status,
            cancellationToken).ConfigureAwait(false);
        return answer.Path;
    }

    /// <inheritdoc/>
    public async ValueTask VerifyAsync(
        IProgress<VerifyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        Door.Client.ThrowIfDisposed();
        var messages = Door.Channel.ServerStreamingAsync(
            WireMethods.Verify, new Wire.VerifyRequest(), default, cancellationToken);
        try
        {
            await foreach (var message in messages.ConfigureAwait(false))
            {
                WireStatus.ThrowIfFailed(message.Status);
                progress?.Report(new(message.Done, message.Total));
            }
        }
        catch (GrpcException e)
        {
            throw WireStatus.OfGrpc(e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<StoreStatistics> GetStatisticsAsync(CancellationToken cancellationToken = default)
    {
        var answer = await Door.CallAsync(
            WireMethods.GetStoreStats, new Wire.GetStoreStatsRequest(), static r => r.Status, cancellationToken)
            .ConfigureAwait(false);
        return new()
        {
            Revision = answer.Revision,
            OldestRevision = answer.OldestRevision,
            WritesRefused = WireStatus.IsOk(answer.Health) ? null : WireStatus.ToException(answer.Health),
            Engine = answer.Statistics.Select(one => new StoreStatistic(one.Name, one.Value)).ToArray(),
        };
    }
}
