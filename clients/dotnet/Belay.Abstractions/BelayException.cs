// The one exception type of Belay: a status, a machine-readable reason, and text that says what to do.
//
// Thread safety: immutable.
namespace Belay;

/// <summary>A Belay operation failed.</summary>
/// <remarks>
/// Use after <c>Dispose</c> is <see cref="ObjectDisposedException"/>, wrong arguments found before Belay is asked are
/// <see cref="ArgumentException"/>, cancellation is <see cref="OperationCanceledException"/>; all else is this.
/// </remarks>
public sealed class BelayException : Exception
{
    /// <summary>Makes an exception for a failed operation.</summary>
    /// <param name="status">How it ended.</param>
    /// <param name="reason">Machine-readable, UPPER_SNAKE_CASE; the status's name if nothing finer is known.</param>
    /// <param name="message">What was wrong and what to do.</param>
    /// <param name="certainty">How far it got.</param>
    /// <param name="innerException">What led to it, if this process knows.</param>
    public BelayException(BelayStatus status, string reason, string message,
                          CallCertainty certainty = CallCertainty.Unspecified, Exception? innerException = null)
        : base($"{reason}: {message}", innerException)
    {
        Status = status;
        Reason = reason;
        Detail = message;
        Certainty = certainty;
    }

    /// <summary>How the operation ended.</summary>
    public BelayStatus Status { get; }

    /// <summary>Machine-readable cause, e.g. <c>STORE_LOCKED</c> or <c>SIGNATURE_MISMATCH</c>.</summary>
    public string Reason { get; }

    /// <summary>The text without the reason before it; of a failed callback, the callback's own.</summary>
    public string Detail { get; }

    /// <summary>How far the operation got.</summary>
    public CallCertainty Certainty { get; }

    /// <summary>The text under which an exception that leaves a callback reaches its caller.</summary>
    internal static string TextOf(Exception exception) =>
        exception is RejectedException ? exception.Message : $"{exception.GetType().FullName}: {exception.Message}";

    /// <summary>"CALLBACK_FAILED" for <see cref="BelayStatus.CallbackFailed"/>: the reason used when none is given.</summary>
    internal static string NameOf(BelayStatus status)
    {
        var pascal = status.ToString();
        var text = new System.Text.StringBuilder(pascal.Length + 4);
        foreach (var c in pascal)
        {
            if (char.IsUpper(c) && text.Length > 0)
                text.Append('_');
            text.Append(char.ToUpperInvariant(c));
        }
        return text.ToString();
    }
}
