// How the parts of the remote store reach the broker: requests on the session's stream, unary calls beside it.
//
// Invariants
//   - No more requests are unanswered than the broker takes of a session; the next wait here.
//   - Requests that may ask a callback wait for room of their own. So a callback that reads through this session never
//     waits for the request that it is asked about.
//
// Thread safety: every member from any thread.
using System.Diagnostics.CodeAnalysis;
using Belay.Client.Grpc;
using Belay.Client.Session;
using Google.Protobuf;

namespace Belay.Client;

/// <summary>The way to the store of a client's broker.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Without a wait handle there is nothing to dispose.")]
internal sealed class StoreDoor
{
    /// <summary>What brokers take that do not say.</summary>
    private const uint UsualMax = 1024;

    private readonly SemaphoreSlim _reads;
    private readonly SemaphoreSlim _writes;

    /// <summary>Makes the way.</summary>
    public StoreDoor(BelayClient client, long maxUnreadScanBytes)
    {
        Client = client;
        MaxUnreadScanBytes = maxUnreadScanBytes;
        var most = client.Session.Welcome.Limits?.MaxStoreRequests ?? 0;
        // A quarter each; scans, which are not counted here, have the rest.
        var share = (int)Math.Clamp((most == 0 ? UsualMax : most) / 4, 1, 1 << 20);
        _reads = new(share, share);
        _writes = new(share, share);
    }

    /// <summary>Whose broker it is.</summary>
    public BelayClient Client { get; }

    /// <summary>For what has a stream or call of its own.</summary>
    public IGrpcChannel Channel => Client.Channel;

    /// <summary>Bytes of rows that a scan on the session may have unread.</summary>
    public long MaxUnreadScanBytes { get; }

    /// <summary>Sends a request that asks no callback.</summary>
    /// <param name="request">The request.</param>
    /// <param name="part">Its part of the response, with that part's status.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The answer; null: there is no such key.</returns>
    public ValueTask<T?> ReadAsync<T>(
        Wire.StoreRequest request, Func<Wire.StoreResponse, (Wire.Status?, T?)> part,
        CancellationToken cancellationToken)
        where T : class => SendAsync(_reads, request, part, cancellationToken);

    /// <summary>Sends a request that may ask a callback.</summary>
    /// <param name="request">The request.</param>
    /// <param name="part">Its part of the response, with that part's status.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The answer; null: there is no such key.</returns>
    public ValueTask<T?> WriteAsync<T>(
        Wire.StoreRequest request, Func<Wire.StoreResponse, (Wire.Status?, T?)> part,
        CancellationToken cancellationToken)
        where T : class => SendAsync(_writes, request, part, cancellationToken);

    /// <summary>Calls a method beside the session.</summary>
    /// <param name="method">Which.</param>
    /// <param name="request">The request.</param>
    /// <param name="status">The response's status.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The response, whose status is OK.</returns>
    public async ValueTask<TResponse> CallAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, Func<TResponse, Wire.Status?> status,
        CancellationToken cancellationToken)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>
    {
        Client.ThrowIfDisposed();
        try
        {
            var response = await Channel.UnaryAsync(method, request, default, cancellationToken).ConfigureAwait(false);
            WireStatus.ThrowIfFailed(status(response));
            return response;
        }
        catch (GrpcException e)
        {
            throw WireStatus.OfGrpc(e);
        }
    }

    private async ValueTask<T?> SendAsync<T>(
        SemaphoreSlim slots, Wire.StoreRequest request, Func<Wire.StoreResponse, (Wire.Status?, T?)> part,
        CancellationToken cancellationToken)
        where T : class
    {
        Client.ThrowIfDisposed();
        await slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var reply = await Client.Session.SendAsync(
                id =>
                {
                    request.RequestId = id;
                    return new Wire.ClientOperation { Store = request };
                },
                cancellationToken).ConfigureAwait(false);
            var (status, answer) = part(reply.Store ?? new Wire.StoreResponse());
            if (IsNoKey((BelayStatus)(status?.Code ?? 0), status?.Reason))
                return null;
            WireStatus.ThrowIfFailed(status);
            return answer ?? throw new BelayException(
                BelayStatus.Internal, "NO_ANSWER", "the broker answered OK without the answer of the operation");
        }
        catch (BelayException e) when (IsNoKey(e.Status, e.Reason))
        {
            return null;
        }
        finally
        {
            slots.Release();
        }
    }

    private static bool IsNoKey(BelayStatus status, string? reason) =>
        status == BelayStatus.NotFound && reason is not ("NO_KEYSPACE" or "NO_OPERATOR");
}
