// One check of the store, and whom it tells how far it is.
//
// Invariants: what IProgress throws stops the check and comes out of Run, on the thread that asked; nothing thrown
// crosses the border.
// Thread safety: one thread: the library tells on the one that called it.
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Belay.Native;

namespace Belay;

internal sealed unsafe class VerifyRun
{
    private const int GoOn = 0, Stop = 1;

    private readonly IProgress<VerifyProgress>? _progress;
    private readonly CancellationToken _cancellation;
    private ExceptionDispatchInfo? _thrown;

    private VerifyRun(IProgress<VerifyProgress>? progress, CancellationToken cancellation)
    {
        _progress = progress;
        _cancellation = cancellation;
    }

    internal static void Run(ObjectHandle store, IProgress<VerifyProgress>? progress, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var run = new VerifyRun(progress, cancellation);
        var context = GCHandle.Alloc(run);
        try
        {
            var status = NativeMethods.StoreVerify(store.Value, &OnProgress, GCHandle.ToIntPtr(context));
            run._thrown?.Throw();
            if (status == (int)BelayStatus.Cancelled)
                cancellation.ThrowIfCancellationRequested();
            Status.Check(status, store);
        }
        finally
        {
            context.Free();
        }
    }

    /// <summary><c>belay_progress</c></summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnProgress(nint context, ulong done, ulong total) =>
        Unsafe.As<VerifyRun>(GCHandle.FromIntPtr(context).Target)!.Tell(done, total);

    private int Tell(ulong done, ulong total)
    {
        try
        {
            _progress?.Report(new(done, total));
            return _cancellation.IsCancellationRequested ? Stop : GoOn;
        }
#pragma warning disable CA1031 // The border to native code.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            _thrown = ExceptionDispatchInfo.Capture(exception);
            return Stop;
        }
    }
}
