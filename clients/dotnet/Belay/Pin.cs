// A pinned typed callback: its C function and context, callable directly until the pin ends.
//
// Invariants: between Create and Dispose function and context stay valid, whatever is released or unregistered
// meanwhile; the closure's end waits for the unpin (R11).
// Thread safety: any thread. Native code must have stopped calling before Dispose; that is what Dispose asserts.
using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;
using Belay.Native;

namespace Belay;

/// <summary>
/// A C function and the context to give it as its first argument. Laid out as
/// <c>struct { void (*function)(void); void *context; }</c>.
/// </summary>
/// <param name="Function">The function, to be cast to its real type.</param>
/// <param name="Context">Its first argument.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct NativeFunction(nint Function, nint Context);

/// <summary>Keeps a typed callback callable by native code at the speed of a function pointer, until disposed.</summary>
public sealed unsafe class Pin : SafeHandle
{
    private readonly object _callback;

    private Pin(in NativePinInfo info, object callback) : base(0, true)
    {
        SetHandle((nint)info.Pin);
        Native = new(info.Function, info.Context);
        _callback = callback;
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The handle's number.</summary>
    public ulong Handle => (ulong)handle;

    /// <summary>What native code stores and calls. Valid until this pin is disposed, or collected: keep it.</summary>
    /// <exception cref="ObjectDisposedException">The pin was disposed: function and context may be gone.</exception>
    public NativeFunction Native
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return field;
        }
    }

    internal static Pin Create(Callback callback, string signature)
    {
        scoped Utf8StringMarshaller.ManagedToUnmanagedIn text = default;
        try
        {
            text.FromManaged(signature, stackalloc byte[0x100]);
            var info = new NativePinInfo { StructSize = (uint)sizeof(NativePinInfo) };
            Status.Check(NativeMethods.Pin(callback.Handle, text.ToUnmanaged(), &info), callback);
            return new Pin(info, callback);
        }
        finally
        {
            text.Free();
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        _ = NativeMethods.Unpin((ulong)handle);
        return true;
    }
}
