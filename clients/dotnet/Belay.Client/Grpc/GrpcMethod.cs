// Names of methods, options of calls, and how a call fails: plain data.
//
// Thread safety: immutable.
using Google.Protobuf;

namespace Belay.Client.Grpc;

/// <summary>A method of a gRPC service.</summary>
/// <typeparam name="TRequest">The request message.</typeparam>
/// <typeparam name="TResponse">The response message.</typeparam>
/// <param name="FullName">"/package.Service/Method".</param>
/// <param name="ResponseParser">Reads responses.</param>
public sealed record GrpcMethod<TRequest, TResponse>(string FullName, MessageParser<TResponse> ResponseParser)
    where TRequest : IMessage<TRequest>
    where TResponse : IMessage<TResponse>;

/// <summary>Options of one call.</summary>
public readonly record struct GrpcCallOptions
{
    /// <summary>Time the call may take; null: as long as it likes. Travels to the server.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>
    /// Headers to send. Names are lower case; a name that ends in "-bin" has its value in base64.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string>>? Metadata { get; init; }
}

/// <summary>gRPC's status codes, those that this layer speaks of.</summary>
public static class GrpcCode
{
    /// <summary>Success.</summary>
    public const int Ok = 0;

    /// <summary>Cancelled by the other side.</summary>
    public const int Cancelled = 1;

    /// <summary>No finer word.</summary>
    public const int Unknown = 2;

    /// <summary>The time was up.</summary>
    public const int DeadlineExceeded = 4;

    /// <summary>No permission.</summary>
    public const int PermissionDenied = 7;

    /// <summary>A bound was reached.</summary>
    public const int ResourceExhausted = 8;

    /// <summary>The server has no such method.</summary>
    public const int Unimplemented = 12;

    /// <summary>The protocol was broken.</summary>
    public const int Internal = 13;

    /// <summary>The server cannot be reached, or went away.</summary>
    public const int Unavailable = 14;

    /// <summary>The server does not know who asks.</summary>
    public const int Unauthenticated = 16;
}

/// <summary>A gRPC call that did not end with OK.</summary>
public sealed class GrpcException : Exception
{
    /// <summary>Makes one.</summary>
    /// <param name="code">gRPC status code.</param>
    /// <param name="detail">Text for people.</param>
    /// <param name="notSent">Whether the server certainly got nothing.</param>
    /// <param name="inner">What was caught.</param>
    public GrpcException(int code, string detail, bool notSent = false, Exception? inner = null)
        : base(detail, inner)
    {
        Code = code;
        NotSent = notSent;
    }

    /// <summary>gRPC status code; see <see cref="GrpcCode"/>.</summary>
    public int Code { get; }

    /// <summary>True when the server certainly got nothing of the call: repeating is safe.</summary>
    public bool NotSent { get; }

    /// <summary>"grpc-status-details-bin", if the server sent it.</summary>
    public ReadOnlyMemory<byte> Details { get; init; }
}
