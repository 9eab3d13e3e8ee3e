// The built-in typed thunks: one static function per C signature. All alike, so that one reading does for all:
// call the delegate; what it throws is reported, and zero is returned, for there is no status to put it in.
//
// Invariants: as in Thunks: nothing thrown leaves. `bool` is one byte, anything but 0 is true.
// Thread safety: called from any thread, native ones included, concurrently.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Belay;

#pragma warning disable CA1031 // Every catch here is the border to native code.
internal static unsafe partial class TypedThunks
{
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Void_Void(nint context)
    {
        try { Of<Action>(context)(); } catch (Exception thrown) { Report(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Void_Bool(nint context, byte a)
    {
        try { Of<Action<bool>>(context)(a != 0); } catch (Exception thrown) { Report(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Void_I32(nint context, int a)
    {
        try { Of<Action<int>>(context)(a); } catch (Exception thrown) { Report(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Void_I64(nint context, long a)
    {
        try { Of<Action<long>>(context)(a); } catch (Exception thrown) { Report(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Void_F64(nint context, double a)
    {
        try { Of<Action<double>>(context)(a); } catch (Exception thrown) { Report(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Void_Ptr(nint context, nint a)
    {
        try { Of<Action<nint>>(context)(a); } catch (Exception thrown) { Report(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Void_I64_I64(nint context, long a, long b)
    {
        try { Of<Action<long, long>>(context)(a, b); } catch (Exception thrown) { Report(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Void_Ptr_I64(nint context, nint a, long b)
    {
        try { Of<Action<nint, long>>(context)(a, b); } catch (Exception thrown) { Report(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte Bool_Void(nint context)
    {
        try { return Of<Func<bool>>(context)() ? (byte)1 : (byte)0; } catch (Exception thrown) { return Zero<byte>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int I32_Void(nint context)
    {
        try { return Of<Func<int>>(context)(); } catch (Exception thrown) { return Zero<int>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long I64_Void(nint context)
    {
        try { return Of<Func<long>>(context)(); } catch (Exception thrown) { return Zero<long>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static double F64_Void(nint context)
    {
        try { return Of<Func<double>>(context)(); } catch (Exception thrown) { return Zero<double>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte Bool_Bool(nint context, byte a)
    {
        try { return Of<Func<bool, bool>>(context)(a != 0) ? (byte)1 : (byte)0; } catch (Exception thrown) { return Zero<byte>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int I32_I32(nint context, int a)
    {
        try { return Of<Func<int, int>>(context)(a); } catch (Exception thrown) { return Zero<int>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long I64_I64(nint context, long a)
    {
        try { return Of<Func<long, long>>(context)(a); } catch (Exception thrown) { return Zero<long>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static double F64_F64(nint context, double a)
    {
        try { return Of<Func<double, double>>(context)(a); } catch (Exception thrown) { return Zero<double>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Ptr_Ptr(nint context, nint a)
    {
        try { return Of<Func<nint, nint>>(context)(a); } catch (Exception thrown) { return Zero<nint>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte Bool_I32(nint context, int a)
    {
        try { return Of<Func<int, bool>>(context)(a) ? (byte)1 : (byte)0; } catch (Exception thrown) { return Zero<byte>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte Bool_I64(nint context, long a)
    {
        try { return Of<Func<long, bool>>(context)(a) ? (byte)1 : (byte)0; } catch (Exception thrown) { return Zero<byte>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte Bool_Ptr(nint context, nint a)
    {
        try { return Of<Func<nint, bool>>(context)(a) ? (byte)1 : (byte)0; } catch (Exception thrown) { return Zero<byte>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long I64_Ptr(nint context, nint a)
    {
        try { return Of<Func<nint, long>>(context)(a); } catch (Exception thrown) { return Zero<long>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int I32_I32_I32(nint context, int a, int b)
    {
        try { return Of<Func<int, int, int>>(context)(a, b); } catch (Exception thrown) { return Zero<int>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long I64_I64_I64(nint context, long a, long b)
    {
        try { return Of<Func<long, long, long>>(context)(a, b); } catch (Exception thrown) { return Zero<long>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static double F64_F64_F64(nint context, double a, double b)
    {
        try { return Of<Func<double, double, double>>(context)(a, b); } catch (Exception thrown) { return Zero<double>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int I32_I32_I32_I32(nint context, int a, int b, int c)
    {
        try { return Of<Func<int, int, int, int>>(context)(a, b, c); } catch (Exception thrown) { return Zero<int>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long I64_I64_I64_I64(nint context, long a, long b, long c)
    {
        try { return Of<Func<long, long, long, long>>(context)(a, b, c); } catch (Exception thrown) { return Zero<long>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static double F64_F64_F64_F64(nint context, double a, double b, double c)
    {
        try { return Of<Func<double, double, double, double>>(context)(a, b, c); } catch (Exception thrown) { return Zero<double>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long I64_I64_I64_I64_I64(nint context, long a, long b, long c, long d)
    {
        try { return Of<Func<long, long, long, long, long>>(context)(a, b, c, d); } catch (Exception thrown) { return Zero<long>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static double F64_F64_F64_F64_F64(nint context, double a, double b, double c, double d)
    {
        try { return Of<Func<double, double, double, double, double>>(context)(a, b, c, d); } catch (Exception thrown) { return Zero<double>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long I64_I64_I64_I64_I64_I64(nint context, long a, long b, long c, long d, long e)
    {
        try { return Of<Func<long, long, long, long, long, long>>(context)(a, b, c, d, e); } catch (Exception thrown) { return Zero<long>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static double F64_F64_F64_F64_F64_F64(nint context, double a, double b, double c, double d, double e)
    {
        try { return Of<Func<double, double, double, double, double, double>>(context)(a, b, c, d, e); } catch (Exception thrown) { return Zero<double>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long I64_I64_I64_I64_I64_I64_I64(nint context, long a, long b, long c, long d, long e, long f)
    {
        try { return Of<Func<long, long, long, long, long, long, long>>(context)(a, b, c, d, e, f); } catch (Exception thrown) { return Zero<long>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static double F64_F64_F64_F64_F64_F64_F64(nint context, double a, double b, double c, double d, double e, double f)
    {
        try { return Of<Func<double, double, double, double, double, double, double>>(context)(a, b, c, d, e, f); } catch (Exception thrown) { return Zero<double>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int I32_Ptr_Ptr(nint context, nint a, nint b)
    {
        try { return Of<Func<nint, nint, int>>(context)(a, b); } catch (Exception thrown) { return Zero<int>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int I32_Ptr_I64(nint context, nint a, long b)
    {
        try { return Of<Func<nint, long, int>>(context)(a, b); } catch (Exception thrown) { return Zero<int>(context, thrown); }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long I64_Ptr_I64(nint context, nint a, long b)
    {
        try { return Of<Func<nint, long, long>>(context)(a, b); } catch (Exception thrown) { return Zero<long>(context, thrown); }
    }
}
