// Statuses on the wire and exceptions here: one place that turns each into the other.
//
// Invariant: whatever code a newer broker sends comes through as a number, never as success.
//
// Thread safety: stateless.
using System.Text;
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

    /// <summary>What a host answers for a callback that threw: the type as the reason, type and text as the
    /// message.</summary>
    /// <remarks>A <see cref="BelayException"/> brings a reason and a text of its own.</remarks>
    public static Wire.Status OfCallback(Exception exception) => new()
    {
        Code = (int)BelayStatus.CallbackFailed,
        Reason = exception is BelayException { Reason: var reason } ? reason : ReasonOf(exception.GetType()),
        Message = Cut(exception is BelayException { Detail: var detail } ? detail : BelayException.TextOf(exception)),
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

    /// <summary>A type's name as reasons are spelt: IOException is IO_EXCEPTION.</summary>
    public static string ReasonOf(Type type)
    {
        var name = type.Name;
        var reason = new StringBuilder(name.Length + 8);
        for (var i = 0; i < name.Length; i++)
        {
            if (!char.IsAsciiLetterOrDigit(name[i]))
                break; // `1 of a generic type
            var begins = char.IsUpper(name[i]) && i > 0
                && (!char.IsUpper(name[i - 1]) || (i + 1 < name.Length && char.IsLower(name[i + 1])));
            if (begins)
                reason.Append('_');
            reason.Append(char.ToUpperInvariant(name[i]));
        }

        return reason.Length > 0 ? reason.ToString() : "EXCEPTION";
    }

    private static string Cut(string text) => text.Length <= MaxMessageChars ? text : text[..MaxMessageChars] + "...";
}
