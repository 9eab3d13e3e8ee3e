// A handle that belay_release closes: of stores, cursors and subscriptions.
//
// Invariants: the number stays readable after the release, for logs; the library refuses it then.
// Thread safety: any thread, finalizers included.
using System.Runtime.InteropServices;

namespace Belay.Native;

internal sealed class ObjectHandle : SafeHandle
{
    internal ObjectHandle(ulong value) : base(0, true) => SetHandle((nint)value);

    public override bool IsInvalid => handle == 0;

    internal ulong Value => (ulong)handle;

    protected override bool ReleaseHandle()
    {
        // STALE or CLOSED where the broker was closed first: then there is nothing left to release.
        _ = NativeMethods.Release(Value);
        return true;
    }
}
