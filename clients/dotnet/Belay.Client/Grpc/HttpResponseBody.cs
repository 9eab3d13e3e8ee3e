// The answering half of a call: messages out of the body, then the status out of the trailers.
//
// Thread safety: one reader at a time; Dispose after it.
using Google.Protobuf;

namespace Belay.Client.Grpc;

/// <summary>A response under way.</summary>
internal sealed class HttpResponseBody(HttpResponseMessage response, Stream body, int maxMessageBytes) : IDisposable
{
    private readonly GrpcMessageReader _reader = new(body, maxMessageBytes);

    /// <summary>The next message; Ended when the call ended with OK.</summary>
    /// <exception cref="GrpcException">The call ended otherwise, or what came is no gRPC.</exception>
    public async ValueTask<(bool Ended, T? Message)> NextAsync<T>(
        MessageParser<T> parser, CancellationToken cancellationToken)
        where T : IMessage<T>
    {
        var next = await _reader.ReadAsync(parser, cancellationToken).ConfigureAwait(false);
        if (next.Ended && GrpcStatusHeaders.FromTrailers(response) is { } failure) throw failure;
        return next;
    }

    /// <summary>Drops the response; the server's stream is reset if it has not ended.</summary>
    public void Dispose()
    {
        response.Dispose();
        _reader.Dispose();
    }
}
