// What HttpClient throws, in gRPC's terms.
//
// Invariant: NotSent is said only where it is certain: no connection, or a stream the server refused.
//
// Thread safety: stateless.
using System.Net.Http;
using System.Net.Sockets;

namespace Belay.Client.Grpc;

/// <summary>Turns transport failures into <see cref="GrpcException"/>.</summary>
internal static class GrpcErrors
{
    // RFC 9113, section 7.
    private const long Http2RefusedStream = 7;
    private const long Http2Cancel = 8;
    private const long Http2EnhanceYourCalm = 11;
    private const long Http2InadequateSecurity = 12;

    /// <summary>The gRPC failure that <paramref name="error"/> means for a call to <paramref name="target"/>.</summary>
    public static GrpcException From(Exception error, string target)
    {
        var connecting = error is HttpRequestException
        {
            HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError,
        };
        for (var e = error; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case GrpcException grpc:
                    return grpc;
                case HttpProtocolException http2:
                    return new GrpcException(CodeOf(http2.ErrorCode), $"{target} ended the stream: {http2.Message}",
                        http2.ErrorCode == Http2RefusedStream, error);
                case SocketException socket when connecting:
                    // What the runtime makes of ENOENT for a unix socket helps nobody.
                    var text = socket.SocketErrorCode == SocketError.AddressNotAvailable
                        ? "there is no socket; is belayd running?"
                        : socket.Message;
                    return new GrpcException(GrpcCode.Unavailable, $"cannot connect to {target}: {text}", true, error);
            }
        }

        var what = connecting
            ? $"cannot connect to {target}: {error.Message}"
            : $"connection to {target} was lost: {error.Message}";
        return new GrpcException(GrpcCode.Unavailable, what, connecting, error);
    }

    private static int CodeOf(long http2) => http2 switch
    {
        Http2RefusedStream => GrpcCode.Unavailable,
        Http2Cancel => GrpcCode.Cancelled,
        Http2EnhanceYourCalm => GrpcCode.ResourceExhausted,
        Http2InadequateSecurity => GrpcCode.PermissionDenied,
        _ => GrpcCode.Internal,
    };
}
