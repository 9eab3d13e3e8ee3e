// gRPC over SocketsHttpHandler: HTTP/2 without TLS, to a unix socket or a TCP address.
//
// Invariants
//   - Every failure of a call is a GrpcException; OperationCanceledException only for the caller's token.
//   - The deadline of a call is kept here too, whether or not the server keeps it.
//
// Thread safety: any thread.
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using Google.Protobuf;

namespace Belay.Client.Grpc;

/// <summary>A gRPC channel of the runtime's own HTTP client.</summary>
internal sealed class HttpGrpcChannel : IGrpcChannel
{
    /// <summary>What the server may send on one stream before it must hear from us.</summary>
    private const int WindowBytes = 1024 * 1024;

    private readonly GrpcEndpoint _endpoint;
    private readonly int _maxReceiveBytes;
    private readonly HttpMessageInvoker _http;

    /// <summary>Makes a channel; connects when first used.</summary>
    public HttpGrpcChannel(GrpcEndpoint endpoint, int maxReceiveBytes, TimeSpan connectTimeout)
    {
        _endpoint = endpoint;
        _maxReceiveBytes = maxReceiveBytes;
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            EnableMultipleHttp2Connections = true,
            InitialHttp2StreamWindowSize = WindowBytes,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            ConnectTimeout = connectTimeout,
            ConnectCallback = (_, cancellationToken) => endpoint.ConnectAsync(cancellationToken),
        });
    }

    /// <inheritdoc/>
    public string Target => _endpoint.ToString();

    /// <inheritdoc/>
    public async Task<TResponse> UnaryAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method,
        TRequest request,
        GrpcCallOptions options = default,
        CancellationToken cancellationToken = default)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>
    {
        TResponse? answer = default;
        var responses = ServerStreamingAsync(method, request, options, cancellationToken);
        await foreach (var response in responses.ConfigureAwait(false))
        {
            if (answer is not null)
                throw new GrpcException(GrpcCode.Internal, $"{method.FullName} answered more than one message");
            answer = response;
        }

        return answer ?? throw new GrpcException(GrpcCode.Internal, $"{method.FullName} answered OK without a message");
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<TResponse> ServerStreamingAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method,
        TRequest request,
        GrpcCallOptions options = default,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>
    {
        var body = new byte[GrpcFraming.FramedSize(request)];
        GrpcFraming.Write(request, body);
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        using var message = NewRequest(method.FullName, content, options);
        using var deadline = new GrpcDeadline(options.Timeout, cancellationToken);
        using var call = await deadline.Run(() => StartAsync(message, deadline.Token), Target).ConfigureAwait(false);
        while (true)
        {
            var (ended, response) = await deadline.Run(
                () => call.NextAsync(method.ResponseParser, deadline.Token).AsTask(), Target).ConfigureAwait(false);
            if (ended) yield break;
            yield return response!;
        }
    }

    /// <inheritdoc/>
    public async Task<IGrpcDuplexCall<TRequest, TResponse>> DuplexAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method,
        GrpcCallOptions options = default,
        CancellationToken cancellationToken = default)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>
    {
        var content = new DuplexContent();
        var call = new HttpDuplexCall<TRequest, TResponse>(method, content, Target);
        call.Start(ended => StartAsync(NewRequest(method.FullName, content, options), ended));
        try
        {
            await call.OpenedAsync(cancellationToken).ConfigureAwait(false);
            return call;
        }
        catch
        {
            await call.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return default;
    }

    private async Task<HttpResponseBody> StartAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
        try
        {
            if (GrpcStatusHeaders.FromHeaders(response) is { } failure) throw failure;
            var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            return new HttpResponseBody(response, body, _maxReceiveBytes);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    private HttpRequestMessage NewRequest(string method, HttpContent content, GrpcCallOptions options)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_endpoint.BaseAddress, method))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        request.Headers.TryAddWithoutValidation("grpc-accept-encoding", "identity");
        request.Headers.TryAddWithoutValidation("user-agent", "belay-dotnet/0.1");
        if (options.Timeout is { } timeout)
            request.Headers.TryAddWithoutValidation("grpc-timeout", GrpcStatusHeaders.Timeout(timeout));
        foreach (var (name, value) in options.Metadata ?? []) request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }
}
