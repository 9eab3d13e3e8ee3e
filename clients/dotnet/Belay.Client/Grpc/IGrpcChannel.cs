// What the client needs of gRPC, and nothing else: unary, server streaming and duplex calls.
//
// HttpGrpcChannel fills it over SocketsHttpHandler. A Grpc.Net.Client channel could: each method maps onto
// one CallInvoker method, with marshallers made from GrpcMethod's parser.
//
// Failures are GrpcException; cancellation by the caller's own token is OperationCanceledException.
//
// Thread safety: a channel takes calls from any thread. A duplex call takes one writer and one reader at
// a time, which may be different threads; Abort and DisposeAsync may come from any thread.
using Google.Protobuf;

namespace Belay.Client.Grpc;

/// <summary>A connection, made when first needed, over which gRPC calls go.</summary>
public interface IGrpcChannel : IAsyncDisposable
{
    /// <summary>What the channel is connected to, for people.</summary>
    string Target { get; }

    /// <summary>Calls a method that takes one message and answers one.</summary>
    /// <typeparam name="TRequest">The request message.</typeparam>
    /// <typeparam name="TResponse">The response message.</typeparam>
    /// <param name="method">Which method.</param>
    /// <param name="request">The request.</param>
    /// <param name="options">Deadline and metadata.</param>
    /// <param name="cancellationToken">Cancels the call, here and at the server.</param>
    /// <returns>The response.</returns>
    Task<TResponse> UnaryAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method,
        TRequest request,
        GrpcCallOptions options = default,
        CancellationToken cancellationToken = default)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>;

    /// <summary>Calls a method that takes one message and answers a stream. Read slowly, and the server
    /// waits.</summary>
    /// <typeparam name="TRequest">The request message.</typeparam>
    /// <typeparam name="TResponse">The response message.</typeparam>
    /// <param name="method">Which method.</param>
    /// <param name="request">The request.</param>
    /// <param name="options">Deadline and metadata.</param>
    /// <param name="cancellationToken">Cancels the call, here and at the server.</param>
    /// <returns>The responses. Leaving the enumeration early cancels the call.</returns>
    IAsyncEnumerable<TResponse> ServerStreamingAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method,
        TRequest request,
        GrpcCallOptions options = default,
        CancellationToken cancellationToken = default)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>;

    /// <summary>Opens a call with a stream each way. Returns when the request's headers are on their way.</summary>
    /// <typeparam name="TRequest">The messages to the server.</typeparam>
    /// <typeparam name="TResponse">The messages from the server.</typeparam>
    /// <param name="method">Which method.</param>
    /// <param name="options">Deadline and metadata.</param>
    /// <param name="cancellationToken">Cancels the opening only.</param>
    /// <returns>The open call.</returns>
    Task<IGrpcDuplexCall<TRequest, TResponse>> DuplexAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method,
        GrpcCallOptions options = default,
        CancellationToken cancellationToken = default)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>;
}

/// <summary>An open call with a stream each way.</summary>
/// <typeparam name="TRequest">The messages to the server.</typeparam>
/// <typeparam name="TResponse">The messages from the server.</typeparam>
public interface IGrpcDuplexCall<in TRequest, TResponse> : IAsyncDisposable
    where TRequest : IMessage<TRequest>
    where TResponse : IMessage<TResponse>
{
    /// <summary>Writes one message. It may be kept back until a later write or <see cref="FlushAsync"/>.</summary>
    /// <param name="message">The message; not used after the task has ended.</param>
    /// <returns>A task that ends when the message is with the transport.</returns>
    ValueTask WriteAsync(TRequest message);

    /// <summary>Puts what was written onto the wire.</summary>
    /// <returns>A task that ends when it is there.</returns>
    ValueTask FlushAsync();

    /// <summary>Says that no more messages will be written.</summary>
    void Complete();

    /// <summary>Reads the next message.</summary>
    /// <returns>The message, or null when the server ended the call with OK.</returns>
    /// <exception cref="GrpcException">The call ended otherwise.</exception>
    ValueTask<TResponse?> ReadAsync();

    /// <summary>Ends the call at once; a read or write in progress fails.</summary>
    void Abort();
}
