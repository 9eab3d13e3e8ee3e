// The store over the session: writes and reads keep their order with the session's other operations.
//
// Scans take one of two ways. Without a filter they run on a gRPC stream of their own, where a slow reader makes the
// broker wait. With a filter, which is a handle of this session's, they run on the session's stream, where nobody may
// be made to wait: see Scans for the bound.
//
// Thread safety: every member from any thread; one enumeration belongs to one reader.
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Belay.Client.Grpc;
using Belay.Client.Session;
using Google.Protobuf;

namespace Belay.Client;

/// <summary>The broker's store.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Without a wait handle there is nothing to dispose.")]
public sealed class RemoteStore : IStore
{
    /// <summary>Requests without an answer, below what brokers take of one session; the next waits here.</summary>
    private const int MaxRequests = 512;

    private readonly SemaphoreSlim _slots = new(MaxRequests, MaxRequests);
    private readonly BelayClient _client;
    private readonly IGrpcChannel _channel;
    private readonly long _maxUnreadScanBytes;

    internal RemoteStore(BelayClient client, IGrpcChannel channel, long maxUnreadScanBytes)
    {
        _client = client;
        _channel = channel;
        _maxUnreadScanBytes = maxUnreadScanBytes;
    }

    /// <inheritdoc/>
    public async ValueTask<StoredValue?> GetAsync(
        ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        var request = new Wire.GetRequest { Key = ByteString.CopyFrom(key.Span) };
        var (status, answer) = await SendAsync(
            new Wire.StoreRequest { Get = request }, static r => (r.Get?.Status, r.Get), cancellationToken)
            .ConfigureAwait(false);
        if (status is { Code: (int)BelayStatus.NotFound })
            return null;
        WireStatus.ThrowIfFailed(status);
        return new StoredValue(answer!.Value.ToByteArray(), answer.ModRevision);
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
            Durability = options.Async ? Wire.Durability.Async : Wire.Durability.Sync,
            IfAbsent = options.IfAbsent,
            IfRevision = options.IfRevision ?? 0,
        };
        var (status, answer) = await SendAsync(
            new Wire.StoreRequest { Put = request }, static r => (r.Put?.Status, r.Put), cancellationToken)
            .ConfigureAwait(false);
        WireStatus.ThrowIfFailed(status);
        return answer!.Revision;
    }

    /// <inheritdoc/>
    public async ValueTask<ulong?> DeleteAsync(
        ReadOnlyMemory<byte> key, WriteOptions options = default, CancellationToken cancellationToken = default)
    {
        var request = new Wire.DeleteRequest
        {
            Key = ByteString.CopyFrom(key.Span),
            Durability = options.Async ? Wire.Durability.Async : Wire.Durability.Sync,
            IfRevision = options.IfRevision ?? 0,
        };
        var (status, answer) = await SendAsync(
            new Wire.StoreRequest { Delete = request }, static r => (r.Delete?.Status, r.Delete), cancellationToken)
            .ConfigureAwait(false);
        if (status is { Code: (int)BelayStatus.NotFound })
            return null;
        WireStatus.ThrowIfFailed(status);
        return answer!.Revision;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<Row> ScanAsync(
        ScanOptions? options = null, RowFilter? filter = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (filter is null)
        {
            await foreach (var row in ScanStreamAsync(ToWire(options), cancellationToken).ConfigureAwait(false))
                yield return row;
            yield break;
        }

        await using var callback = await _client.RegisterFilterAsync(
            filter, new CallbackOptions { Label = "filter" }, cancellationToken, file: "").ConfigureAwait(false);
        await foreach (var row in ScanAsync(options, callback, cancellationToken).ConfigureAwait(false))
            yield return row;
    }

    /// <summary>Reads a range at one snapshot through a filter that this client registered or found.</summary>
    /// <param name="options">Which rows, in which order.</param>
    /// <param name="filter">A callback that gets row blocks and answers with bitmaps.</param>
    /// <param name="cancellationToken">Stops the scan.</param>
    /// <returns>The rows it kept.</returns>
    public async IAsyncEnumerable<Row> ScanAsync(
        ScanOptions? options, RemoteCallback filter,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var session = _client.Session;
        var request = new Wire.StoreRequest { Scan = ToWire(options), FilterHandle = filter.LiveHandle() };
        Scans.Scan? rows = null;
        var answer = session.SendAsync(
            id =>
            {
                request.RequestId = id;
                rows = session.Scans.Add(id, _maxUnreadScanBytes);
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

    /// <inheritdoc/>
    public async ValueTask<ISubscription> WatchAsync(
        WatchOptions? options, WatchFunction function, CancellationToken cancellationToken = default)
    {
        options ??= new WatchOptions();
        // The watch holds a handle of its own to the callback; ours is only for the attaching.
        await using var callback = await _client.RegisterWatchAsync(
            function, new CallbackOptions { Label = options.Label }, cancellationToken, file: "").ConfigureAwait(false);
        return await AttachAsync(options, callback, callback.Released, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Attaches a watch with a callback that this client registered or found, and that lives on without
    /// it.</summary>
    /// <param name="options">Which keys, from which revision.</param>
    /// <param name="callback">Gets row blocks.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    /// <returns>The watch.</returns>
    public ValueTask<RemoteSubscription> WatchAsync(
        WatchOptions? options, RemoteCallback callback, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(callback);
        return AttachAsync(options ?? new WatchOptions(), callback, null, cancellationToken);
    }

    private async ValueTask<RemoteSubscription> AttachAsync(
        WatchOptions options, RemoteCallback callback, Task? released, CancellationToken cancellationToken)
    {
        var handle = callback.LiveHandle();
        var reply = await _client.Session.SendAsync(
            id => new Wire.ClientOperation
            {
                AttachWatch = new Wire.AttachWatch
                {
                    RequestId = id,
                    Handle = handle,
                    Prefix = ByteString.CopyFrom(options.Prefix.Span),
                    FromRevision = options.FromRevision,
                },
            },
            cancellationToken).ConfigureAwait(false);
        return new RemoteSubscription(_client, reply.Handle, released);
    }

    private async IAsyncEnumerable<Row> ScanStreamAsync(
        Wire.ScanRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        _client.ThrowIfDisposed();
        await using var answers = _channel.ServerStreamingAsync(WireMethods.Scan, request, default, cancellationToken)
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

    private async ValueTask<(Wire.Status? Status, T? Answer)> SendAsync<T>(
        Wire.StoreRequest request,
        Func<Wire.StoreResponse, (Wire.Status? Status, T? Answer)> part,
        CancellationToken cancellationToken)
        where T : class
    {
        _client.ThrowIfDisposed();
        await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var reply = await _client.Session.SendAsync(
                id =>
                {
                    request.RequestId = id;
                    return new Wire.ClientOperation { Store = request };
                },
                cancellationToken).ConfigureAwait(false);
            var (status, answer) = part(reply.Store ?? new Wire.StoreResponse());
            if (answer is null && WireStatus.IsOk(status))
                throw new BelayException(
                    BelayStatus.Internal, "NO_ANSWER", "the broker answered OK without the answer of the operation");
            return (status, answer);
        }
        catch (BelayException e) when (e.Status == BelayStatus.NotFound)
        {
            return (WireStatus.Of(e.Status, e.Reason, e.Detail, e.Certainty), null);
        }
        finally
        {
            _slots.Release();
        }
    }

    private static Wire.ScanRequest ToWire(ScanOptions? options) => options is null ? new() : new()
    {
        Start = ByteString.CopyFrom(options.Start.Span),
        End = ByteString.CopyFrom(options.End.Span),
        Prefix = ByteString.CopyFrom(options.Prefix.Span),
        Reverse = options.Reverse,
        KeysOnly = options.KeysOnly,
        Limit = options.Limit,
    };
}
