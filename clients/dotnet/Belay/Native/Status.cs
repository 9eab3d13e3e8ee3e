// From status numbers to exceptions.
//
// Invariants: the thread's last error is read before anything else is asked of the library, on the thread that failed.
// Thread safety: any thread.
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Belay.Native;

internal static unsafe class Status
{
    internal const int Ok = 0;

    /// <summary>Throws unless <paramref name="status"/> is OK.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Check(int status)
    {
        if (status != Ok)
            throw ToException(status);
    }

    /// <summary>As above; of an object that this program has disposed the failure is ObjectDisposedException.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Check(int status, SafeHandle handle)
    {
        if (status != Ok)
            Throw(status, handle);
    }

    [DoesNotReturn]
    internal static void Throw(int status, SafeHandle handle)
    {
        // Disposed while the call was on its way: the handle is a number, so the library could say so.
        ObjectDisposedException.ThrowIf(
            handle.IsClosed && (BelayStatus)status is (BelayStatus.Stale or BelayStatus.Closed), handle);
        throw ToException(status);
    }

    /// <summary>Whether the status that this thread just got has this reason. Allocates nothing.</summary>
    internal static bool HasReason(int status, ReadOnlySpan<byte> reason)
    {
        var error = new NativeError { StructSize = (uint)sizeof(NativeError), Reason = null, Message = null };
        return NativeMethods.LastError(&error) == Ok && error.Status == status && error.Reason != null &&
               MemoryMarshal.CreateReadOnlySpanFromNullTerminated(error.Reason).SequenceEqual(reason);
    }

    /// <summary>The exception for a status that this thread just got.</summary>
    internal static BelayException ToException(int status)
    {
        var error = new NativeError { StructSize = (uint)sizeof(NativeError), Reason = null, Message = null };
        var known = NativeMethods.LastError(&error) == Ok && error.Status == status;
        var code = (BelayStatus)status;
        var reason = known ? TextOf(error.Reason) : "";
        var message = known ? TextOf(error.Message) : "";
        if (reason.Length == 0)
            reason = BelayException.NameOf(code);
        var certainty = code == BelayStatus.CallbackFailed ? CallCertainty.Started : CallCertainty.NotSent;
        return new(code, reason, message, certainty);
    }

    /// <summary>NUL-terminated UTF-8 as a string; null is "".</summary>
    internal static string TextOf(byte* text) =>
        text == null ? "" : Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text));

    /// <summary>A timeout in milliseconds, rounded up; infinite is 24 days, the longest that any clock here is asked for.</summary>
    internal static ulong Milliseconds(TimeSpan timeout)
    {
        if (timeout == Timeout.InfiniteTimeSpan)
            return int.MaxValue;
        ArgumentOutOfRangeException.ThrowIfLessThan(timeout, TimeSpan.Zero);
        return (ulong)Math.Min(int.MaxValue, Math.Ceiling(timeout.TotalMilliseconds));
    }
}
