// Invoking a callback with bytes.
//
// Invariants
//   - A callback runs once per call: an answer larger than the buffer is kept by the library and taken, never asked for
//     again (I3).
//   - The path of an answer that fits allocates nothing.
//
// Thread safety: any thread. The callback runs on the calling thread.
using System.Buffers;
using System.Runtime.CompilerServices;
using Belay.Native;

namespace Belay;

public sealed unsafe partial class Callback
{
    private const int ScratchSize = 512;

    /// <summary>Calls the callback on this thread.</summary>
    /// <param name="request">The bytes it gets.</param>
    /// <param name="options">What else to say.</param>
    /// <returns>Its answer.</returns>
    /// <exception cref="BelayException">It was refused, or it ran and failed (<see cref="BelayStatus.CallbackFailed"/>).</exception>
    public byte[] Invoke(ReadOnlySpan<byte> request, in InvokeOptions options = default)
    {
        Span<byte> scratch = stackalloc byte[ScratchSize];
        var size = Invoke(request, scratch, out var larger, options);
        return larger ?? scratch[..size].ToArray();
    }

    /// <summary>Calls the callback on this thread. Allocates nothing if the answer fits.</summary>
    /// <param name="request">The bytes it gets.</param>
    /// <param name="buffer">Takes the answer if it fits.</param>
    /// <param name="larger">The whole answer if it does not fit, else null.</param>
    /// <param name="options">What else to say.</param>
    /// <returns>Size of the answer.</returns>
    /// <exception cref="BelayException">It was refused, or it ran and failed.</exception>
    public int Invoke(ReadOnlySpan<byte> request, Span<byte> buffer, out byte[]? larger, in InvokeOptions options = default)
    {
        larger = null;
        NativeCall call;
        var status = Run(&call, request, buffer, options);
        if (status != Status.Ok)
        {
            if (status != (int)BelayStatus.BufferTooSmall)
                Status.Throw(status, this);
            larger = Take(&call);
        }
        return (int)call.ReplySize;
    }

    /// <summary>Calls the callback on this thread.</summary>
    /// <param name="request">The bytes it gets.</param>
    /// <param name="answer">Takes the answer.</param>
    /// <param name="options">What else to say.</param>
    /// <exception cref="BelayException">It was refused, or it ran and failed; <paramref name="answer"/> got nothing.</exception>
    public void Invoke(ReadOnlySpan<byte> request, IBufferWriter<byte> answer, in InvokeOptions options = default)
    {
        ArgumentNullException.ThrowIfNull(answer);
        NativeCall call;
        var status = Run(&call, request, answer.GetSpan(ScratchSize), options);
        if (status == (int)BelayStatus.BufferTooSmall)
        {
            answer.Write(Take(&call));
            return;
        }
        Status.Check(status, this);
        answer.Advance((int)call.ReplySize);
    }

    /// <summary>Calls the callback. In-process it runs on this thread, before this returns.</summary>
    /// <inheritdoc cref="ICallback.InvokeAsync"/>
    public ValueTask<byte[]> InvokeAsync(ReadOnlyMemory<byte> request, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<byte[]>(cancellationToken);
        try
        {
            return new(Invoke(request.Span, new InvokeOptions { Cancellation = cancellationToken }));
        }
#pragma warning disable CA1031 // It becomes the task's.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return ValueTask.FromException<byte[]>(exception);
        }
    }

    private int Run(NativeCall* call, ReadOnlySpan<byte> request, Span<byte> buffer, in InvokeOptions options)
    {
        ThrowIfDisposed();
        fixed (byte* requestData = request, replyData = buffer)
        {
            *call = default;
            call->StructSize = (uint)sizeof(NativeCall);
            call->Request = requestData;
            call->RequestSize = (ulong)request.Length;
            call->Reply = replyData;
            call->ReplyCapacity = (ulong)buffer.Length;
            call->TraceHigh = options.TraceHigh;
            call->TraceLow = options.TraceLow;
            if (options.Timeout != null)
                call->DeadlineNs = CallContext.DeadlineAfter(options.Timeout);
            if (options.Caller != null)
                call->Caller = options.Caller.Handle;
            var status = options.Cancellation.CanBeCanceled
                ? InvokeCancellable(call, options.Cancellation)
                : NativeMethods.Invoke(Handle, call);
            GC.KeepAlive(this);
            return status;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int InvokeCancellable(NativeCall* call, CancellationToken cancellation)
    {
        var outer = AmbientCancellation.Current;
        AmbientCancellation.Current = cancellation;
        try
        {
            return NativeMethods.Invoke(Handle, call);
        }
        finally
        {
            AmbientCancellation.Current = outer;
        }
    }

    /// <summary>Takes the answer that the library keeps because it did not fit.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte[] Take(NativeCall* call)
    {
        if (call->ReplySize > (ulong)Array.MaxLength)
        {
            _ = NativeMethods.CallTake(call, null, 0); // Drops it.
            throw new BelayException(BelayStatus.ResourceExhausted, "REPLY_TOO_LARGE",
                $"the answer has {call->ReplySize} bytes, an array takes {Array.MaxLength}", CallCertainty.Started);
        }
        byte[] answer;
        try
        {
            answer = GC.AllocateUninitializedArray<byte>((int)call->ReplySize);
        }
        catch (OutOfMemoryException)
        {
            _ = NativeMethods.CallTake(call, null, 0);
            throw;
        }
        fixed (byte* data = answer)
            Status.Check(NativeMethods.CallTake(call, data, (ulong)answer.Length));
        return answer;
    }
}
