// The managed half of the .NET rows: gives two pointers to functions of C# to libpointers.so, which calls
// them in a loop and reports. One is made from a delegate at run time, the other is known to the compiler.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

Callback answer = static (_, call) => Answer(call);
unsafe
{
    var library = NativeLibrary.Load(args[0]);
    var measure = (delegate* unmanaged<nint, nint, void>)NativeLibrary.GetExport(library, "measure_pointers");
    measure(Marshal.GetFunctionPointerForDelegate(answer), (nint)(delegate* unmanaged[Cdecl]<nint, nint, int>)&Unmanaged);
}
GC.KeepAlive(answer); // The pointer does not keep the delegate: that is why Belay's client never hands one out.

[UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
static int Unmanaged(nint context, nint call) => Answer(call);

static unsafe int Answer(nint call)
{
    ((Call*)call)->ReplySize = 0;
    return 0;
}

[UnmanagedFunctionPointer(CallingConvention.Cdecl)]
internal delegate int Callback(nint context, nint call);

/// <summary>The beginning of belay_call.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Call
{
    public uint StructSize;
    public uint Flags;
    public nint Request;
    public ulong RequestSize;
    public nint Reply;
    public ulong ReplyCapacity;
    public ulong ReplySize;
}
