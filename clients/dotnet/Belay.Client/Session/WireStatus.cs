// Statuses on the wire and exceptions here: one place that turns each into the other.
//
// Invariant: whatever code a newer broker sends comes through as a number, never as success.
//
// Thread safety: stateless.
using Belay.Client.Grpc;

namespace Belay.Client.Session;

/// <summary>Turns wire statuses into exceptions and back.</summary>
internal static class WireStatus
{
    /// <summary>Status text is for people: longer is cut, so that no exception can burst a frame.</summary>
    private const int MaxMessageChars = 4096;

    /// <summary>Whether <paramref name="status"/> says OK; absent does.</summary>
    public static bool IsOk(Wire.Status? status) => status is null || status.Code == 0;

    /// <summary>The exception that a status other than OK means.</summary>
    public static BelayException ToException(Wire.Status status)
    {
        var code = (BelayStatus)status.Code;
        var reason = status.Reason.Length > 0 ? status.Reason : BelayException.NameOf(code);
        return new BelayException(code, reason, status.Message, (CallCertainty)status.Certainty);
    }

    /// <summary>Throws unless <paramref name="status"/> says OK.</summary>
    public static void ThrowIfFailed(Wire.Status? status)
    {
        if (!IsOk(status))
            throw ToException(status!);
    }

    /// <summary>What a host answers for a callback that threw.</summary>
    public static Wire.Status OfCallback(Exception exception) => new()
    {
        Code = (int)BelayStatus.CallbackFailed,
        Reason = exception is BelayException { Reason: var reason } ? reason : exception.GetType().FullName ?? "EXCEPTION",
        Message = Cut(exception is BelayException { Detail: var detail } ? detail : exception.Message),
        Certainty = Wire.Certainty.Started,
    };

    /// <summary>A status of this library's own.</summary>
    public static Wire.Status Of(BelayStatus code, string reason, string message, CallCertainty certainty) => new()
    {
        Code = (int)code,
        Reason = reason,
        Message = Cut(message),
        Certainty = (Wire.Certainty)certainty,
    };

    /// <summary>A failed gRPC call, as an exception of Belay's. gRPC's codes keep their numbers.</summary>
    public static BelayException OfGrpc(GrpcException error)
    {
        var code = (BelayStatus)error.Code;
        var reason = error switch
        {
            { NotSent: true } => "CANNOT_CONNECT",
            { Code: GrpcCode.Unavailable } => "CONNECTION_LOST",
            _ => BelayException.NameOf(code),
        };
        return new BelayException(code, reason, error.Message,
                                  error.NotSent ? CallCertainty.NotSent : CallCertainty.SentUnknown, error);
    }

    private static string Cut(string text) => text.Length <= MaxMessageChars ? text : text[..MaxMessageChars] + "...";
}
