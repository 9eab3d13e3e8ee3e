// The broker's native handle, and closing it exactly once.
//
// Invariants: belay_close is called once, by Close or by the finalizer; the finalizer does not wait.
// Thread safety: any thread.
using System.Runtime.InteropServices;

namespace Belay.Native;

internal sealed class BrokerHandle : SafeHandle
{
    private readonly nint _log;
    private int _closing;
    private volatile bool _drained;

    internal BrokerHandle(ulong value, nint log) : base(0, true)
    {
        SetHandle((nint)value);
        _log = log;
    }

    public override bool IsInvalid => handle == 0;

    internal ulong Value => (ulong)handle;

    /// <returns>Whether everything has ended.</returns>
    internal bool CloseWithin(ulong timeoutMs)
    {
        if (Interlocked.Exchange(ref _closing, 1) != 0)
            return _drained;
        // Closed first, so that whoever fails from here on finds it so and says "disposed".
        SetHandleAsInvalid();
        return CloseNow(timeoutMs);
    }

    protected override bool ReleaseHandle()
    {
        if (Interlocked.Exchange(ref _closing, 1) == 0)
            CloseNow(0);
        return true;
    }

    private bool CloseNow(ulong timeoutMs)
    {
        var status = (BelayStatus)NativeMethods.Close(Value, timeoutMs);
        _drained = status == BelayStatus.Ok;
        LogSinks.Remove(_log);
        return _drained;
    }
}
