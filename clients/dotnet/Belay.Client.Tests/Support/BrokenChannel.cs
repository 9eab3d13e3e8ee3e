// A channel whose duplex calls stop taking messages, in a way that no gRPC stack would.
using Belay.Client.Grpc;
using Google.Protobuf;

namespace Belay.Client.Tests.Support;

/// <summary>Passes everything on, until it is broken.</summary>
internal sealed class BrokenChannel(IGrpcChannel inner) : IGrpcChannel
{
    private volatile bool _isBroken;

    public bool IsBroken
    {
        get => _isBroken;
        set => _isBroken = value;
    }

    public string Target => inner.Target;

    public Task<TResponse> UnaryAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, GrpcCallOptions options = default,
        CancellationToken cancellationToken = default)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse> => inner.UnaryAsync(method, request, options, cancellationToken);

    public IAsyncEnumerable<TResponse> ServerStreamingAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, GrpcCallOptions options = default,
        CancellationToken cancellationToken = default)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse> =>
        inner.ServerStreamingAsync(method, request, options, cancellationToken);

    public async Task<IGrpcDuplexCall<TRequest, TResponse>> DuplexAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, GrpcCallOptions options = default,
        CancellationToken cancellationToken = default)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse> =>
        new Call<TRequest, TResponse>(this, await inner.DuplexAsync(method, options, cancellationToken));

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private sealed class Call<TRequest, TResponse>(BrokenChannel channel, IGrpcDuplexCall<TRequest, TResponse> call)
        : IGrpcDuplexCall<TRequest, TResponse>
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>
    {
        public ValueTask WriteAsync(TRequest message) =>
            channel.IsBroken ? throw new InvalidOperationException("no more ink") : call.WriteAsync(message);

        public ValueTask FlushAsync() => call.FlushAsync();

        public void Complete() => call.Complete();

        public ValueTask<TResponse?> ReadAsync() => call.ReadAsync();

        public void Abort() => call.Abort();

        public ValueTask DisposeAsync() => call.DisposeAsync();
    }
}
