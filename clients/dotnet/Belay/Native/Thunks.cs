// The functions that native code calls: static, with a GCHandle as context, so that there is no marshalled delegate
// that a collection could take away.
//
// Invariants
//   - Nothing thrown leaves a thunk: an exception that leaves an UnmanagedCallersOnly method aborts the process.
//   - A GCHandle that came as context is alive here: OnRelease is the only one that frees it, and the library calls it
//     once, after the last OnCall has returned.
//
// Thread safety: called from any thread, native ones included, concurrently.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;

namespace Belay.Native;

internal static unsafe class Thunks
{
#pragma warning disable CA1031 // Every catch here is the border to native code.
    /// <summary><c>belay_callback_fn</c></summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    internal static int OnCall(nint context, NativeCall* call)
    {
        ReplyWriter? reply = null;
        try
        {
            reply = ReplyWriter.Rent();
            var request = new ReadOnlySpan<byte>(call->Request, checked((int)call->RequestSize));
            Closure.From<ByteClosure>(context).Run(request, reply, ContextOf(call));
            return reply.Send(call);
        }
        catch (Exception exception)
        {
            return Fail(call, exception);
        }
        finally
        {
            reply?.Return();
        }
    }

    /// <summary><c>belay_release_fn</c> of every callback.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    internal static void OnRelease(nint context)
    {
        try
        {
            Closure.From<Closure>(context).End();
        }
        catch (Exception exception)
        {
            Console.Error.WriteLine($"belay: ending a closure failed; please report this: {exception}");
        }
    }

    /// <summary><c>belay_release_fn</c> of <c>belay_drain_notify</c>; the context is a TaskCompletionSource.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    internal static void OnDrained(nint context)
    {
        var handle = GCHandle.FromIntPtr(context);
        var drained = Unsafe.As<TaskCompletionSource>(handle.Target)!;
        handle.Free();
        drained.TrySetResult();
    }

    /// <summary><c>belay_log_fn</c>; the context is a number of <see cref="LogSinks"/>.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    internal static void OnLog(void* context, int level, byte* text)
    {
        try
        {
            LogSinks.Write((nint)context, (BelayLogLevel)level, Status.TextOf(text));
        }
        catch (Exception)
        {
            // A log that throws is not worth the process; there is nobody left to tell.
        }
    }

    private static CallContext ContextOf(NativeCall* call) =>
        new(call->DeadlineNs, call->TraceHigh, call->TraceLow, null, call->Caller, 0, AmbientCancellation.Current);

    /// <summary>Tells the caller what the callback threw.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Fail(NativeCall* call, Exception exception)
    {
        try
        {
            scoped Utf8StringMarshaller.ManagedToUnmanagedIn text = default;
            try
            {
                text.FromManaged(BelayException.TextOf(exception), stackalloc byte[0x100]);
                return NativeMethods.CallFail(call, text.ToUnmanaged());
            }
            finally
            {
                text.Free();
            }
        }
        catch (Exception)
        {
            return (int)BelayStatus.CallbackFailed; // Out of memory for the text: the status still tells.
        }
    }
#pragma warning restore CA1031
}
