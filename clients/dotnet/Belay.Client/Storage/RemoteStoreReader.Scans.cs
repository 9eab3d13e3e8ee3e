// Scans, which take one of three ways.
//
// Without a filter they run on a gRPC stream of their own, where a slow reader makes the broker wait. With a filter,
// which is a handle of this session's, they run on the session's stream, where nobody may be made to wait: see Scans for
// the bound. Snapshots are handles of the session's, too; a scan of one without a filter goes page by page, so that a
// slow reader has no more than a page unread: the snapshot makes the pages one moment.
//
// Thread safety: every member from any thread; one enumeration belongs to one reader.
using System.Runtime.CompilerServices;
using Belay.Client.Grpc;
using Belay.Client.Session;
using Google.Protobuf;

namespace Belay.Client;

public abstract partial class RemoteStoreReader
{
    private const ulong PageRows = 1024;

    /// <inheritdoc/>
    public async IAsyncEnumerable<Row> ScanAsync(
        ScanOptions? options = null, RowFilter? filter = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        options ??= new ScanOptions();
        if (filter is null)
        {
            var rows = SnapshotHandle == 0
                ? ScanStreamAsync(ToWire(options), cancellationToken)
                : ScanPagesAsync(options, cancellationToken);
            await foreach (var row in rows.ConfigureAwait(false))
                yield return row;
            yield break;
        }

        await using var callback = await Door.Client.RegisterFilterAsync(
            filter, new CallbackOptions { Label = "filter" }, cancellationToken, file: "").ConfigureAwait(false);
        await foreach (var row in ScanAsync(options, callback, cancellationToken).ConfigureAwait(false))
            yield return row;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<Row> ScanAsync(
        ScanOptions? options, RowFilter? filter, RowProjection projection,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await using var project = await Door.Client.RegisterHookAsync(
            Hook.Of(projection), new CallbackOptions { Label = "projection" }, cancellationToken).ConfigureAwait(false);
        await using var pick = filter is null ? null : await Door.Client.RegisterFilterAsync(
            filter, new CallbackOptions { Label = "filter" }, cancellationToken, file: "").ConfigureAwait(false);
        var rows = ScanSessionAsync(
            options ?? new ScanOptions(), pick?.LiveHandle() ?? 0, project.LiveHandle(), cancellationToken);
        await foreach (var row in rows.ConfigureAwait(false))
            yield return row;
    }

    /// <summary>Reads a range as of one moment through a filter that this client registered or found.</summary>
    /// <param name="options">Which rows, in which order; null: all.</param>
    /// <param name="filter">A callback that gets row blocks and answers with bitmaps.</param>
    /// <param name="cancellationToken">Stops the scan.</param>
    /// <returns>The rows it kept.</returns>
    public IAsyncEnumerable<Row> ScanAsync(
        ScanOptions? options, RemoteCallback filter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return ScanSessionAsync(options ?? new ScanOptions(), filter.LiveHandle(), 0, cancellationToken);
    }

    private async IAsyncEnumerable<Row> ScanSessionAsync(
        ScanOptions options, ulong filter, ulong projection,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var session = Door.Client.Session;
        var request = new Wire.StoreRequest
        {
            Scan = ToWire(options),
            FilterHandle = filter,
            ProjectionHandle = projection,
            SnapshotHandle = SnapshotHandle,
        };
        Scans.Scan? rows = null;
        var answer = session.SendAsync(
            id =>
            {
                request.RequestId = id;
                rows = session.Scans.Add(id, Door.MaxUnreadScanBytes);
                return new Wire.ClientOperation { Store = request };
            },
            cancellationToken).AsTask();
        _ = answer.ContinueWith(
            reply => rows!.End(reply.IsCompletedSuccessfully
                ? null
                : reply.Exception?.InnerException ?? new OperationCanceledException(cancellationToken)),
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        try
        {
            await foreach (var block in rows!.BlocksAsync(cancellationToken).ConfigureAwait(false))
            {
                foreach (var row in new RowBlock(block.Span).ToList())
                    yield return row;
                rows.Read(block);
            }
        }
        finally
        {
            session.Scans.Drop(request.RequestId);
        }
    }

    private async IAsyncEnumerable<Row> ScanPagesAsync(
        ScanOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var left = options.Limit == 0 ? ulong.MaxValue : options.Limit; left > 0;)
        {
            var page = options with { Limit = Math.Min(left, PageRows) };
            var found = 0ul;
            await foreach (var row in ScanSessionAsync(page, 0, 0, cancellationToken).ConfigureAwait(false))
            {
                found++;
                options = options with { StartAfter = row.Key };
                yield return row;
            }

            if (found < page.Limit)
                yield break;
            left -= found;
        }
    }

    private async IAsyncEnumerable<Row> ScanStreamAsync(
        Wire.ScanRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Door.Client.ThrowIfDisposed();
        await using var answers = Door.Channel.ServerStreamingAsync(WireMethods.Scan, request, default, cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            try
            {
                if (!await answers.MoveNextAsync().ConfigureAwait(false))
                    yield break;
            }
            catch (GrpcException e)
            {
                throw WireStatus.OfGrpc(e);
            }

            WireStatus.ThrowIfFailed(answers.Current.Status);
            foreach (var row in new RowBlock(answers.Current.Block.Span).ToList())
                yield return row;
        }
    }

    private Wire.ScanRequest ToWire(ScanOptions options) => new()
    {
        Start = ByteString.CopyFrom(options.Start.Span),
        End = ByteString.CopyFrom(options.End.Span),
        Prefix = ByteString.CopyFrom(options.Prefix.Span),
        StartAfter = ByteString.CopyFrom(options.StartAfter.Span),
        Reverse = options.Reverse,
        KeysOnly = options.KeysOnly,
        Limit = options.Limit,
        Keyspace = Keyspace,
    };
}
