// The table of built-in typed thunks, and what they have in common. The functions themselves: TypedThunks.Functions.cs.
//
// Invariants: a signature here is the one that the function has.
// Thread safety: immutable.
using System.Runtime.CompilerServices;

namespace Belay;

internal readonly record struct TypedThunk(string Signature, nint Function);

internal static unsafe partial class TypedThunks
{
    /// <summary>By delegate type.</summary>
    internal static readonly Dictionary<Type, TypedThunk> All = new()
    {
        [typeof(Action)] = new("void()", (nint)(delegate* unmanaged[Cdecl]<nint, void>)&Void_Void),
        [typeof(Action<bool>)] = new("void(bool)", (nint)(delegate* unmanaged[Cdecl]<nint, byte, void>)&Void_Bool),
        [typeof(Action<int>)] = new("void(i32)", (nint)(delegate* unmanaged[Cdecl]<nint, int, void>)&Void_I32),
        [typeof(Action<long>)] = new("void(i64)", (nint)(delegate* unmanaged[Cdecl]<nint, long, void>)&Void_I64),
        [typeof(Action<double>)] = new("void(f64)", (nint)(delegate* unmanaged[Cdecl]<nint, double, void>)&Void_F64),
        [typeof(Action<nint>)] = new("void(ptr)", (nint)(delegate* unmanaged[Cdecl]<nint, nint, void>)&Void_Ptr),
        [typeof(Action<long, long>)] = new("void(i64,i64)", (nint)(delegate* unmanaged[Cdecl]<nint, long, long, void>)&Void_I64_I64),
        [typeof(Action<nint, long>)] = new("void(ptr,i64)", (nint)(delegate* unmanaged[Cdecl]<nint, nint, long, void>)&Void_Ptr_I64),
        [typeof(Func<bool>)] = new("bool()", (nint)(delegate* unmanaged[Cdecl]<nint, byte>)&Bool_Void),
        [typeof(Func<int>)] = new("i32()", (nint)(delegate* unmanaged[Cdecl]<nint, int>)&I32_Void),
        [typeof(Func<long>)] = new("i64()", (nint)(delegate* unmanaged[Cdecl]<nint, long>)&I64_Void),
        [typeof(Func<double>)] = new("f64()", (nint)(delegate* unmanaged[Cdecl]<nint, double>)&F64_Void),
        [typeof(Func<bool, bool>)] = new("bool(bool)", (nint)(delegate* unmanaged[Cdecl]<nint, byte, byte>)&Bool_Bool),
        [typeof(Func<int, int>)] = new("i32(i32)", (nint)(delegate* unmanaged[Cdecl]<nint, int, int>)&I32_I32),
        [typeof(Func<long, long>)] = new("i64(i64)", (nint)(delegate* unmanaged[Cdecl]<nint, long, long>)&I64_I64),
        [typeof(Func<double, double>)] = new("f64(f64)", (nint)(delegate* unmanaged[Cdecl]<nint, double, double>)&F64_F64),
        [typeof(Func<nint, nint>)] = new("ptr(ptr)", (nint)(delegate* unmanaged[Cdecl]<nint, nint, nint>)&Ptr_Ptr),
        [typeof(Func<int, bool>)] = new("bool(i32)", (nint)(delegate* unmanaged[Cdecl]<nint, int, byte>)&Bool_I32),
        [typeof(Func<long, bool>)] = new("bool(i64)", (nint)(delegate* unmanaged[Cdecl]<nint, long, byte>)&Bool_I64),
        [typeof(Func<nint, bool>)] = new("bool(ptr)", (nint)(delegate* unmanaged[Cdecl]<nint, nint, byte>)&Bool_Ptr),
        [typeof(Func<nint, long>)] = new("i64(ptr)", (nint)(delegate* unmanaged[Cdecl]<nint, nint, long>)&I64_Ptr),
        [typeof(Func<int, int, int>)] = new("i32(i32,i32)", (nint)(delegate* unmanaged[Cdecl]<nint, int, int, int>)&I32_I32_I32),
        [typeof(Func<long, long, long>)] = new("i64(i64,i64)", (nint)(delegate* unmanaged[Cdecl]<nint, long, long, long>)&I64_I64_I64),
        [typeof(Func<double, double, double>)] = new("f64(f64,f64)", (nint)(delegate* unmanaged[Cdecl]<nint, double, double, double>)&F64_F64_F64),
        [typeof(Func<int, int, int, int>)] = new("i32(i32,i32,i32)", (nint)(delegate* unmanaged[Cdecl]<nint, int, int, int, int>)&I32_I32_I32_I32),
        [typeof(Func<long, long, long, long>)] = new("i64(i64,i64,i64)", (nint)(delegate* unmanaged[Cdecl]<nint, long, long, long, long>)&I64_I64_I64_I64),
        [typeof(Func<double, double, double, double>)] = new("f64(f64,f64,f64)", (nint)(delegate* unmanaged[Cdecl]<nint, double, double, double, double>)&F64_F64_F64_F64),
        [typeof(Func<long, long, long, long, long>)] = new("i64(i64,i64,i64,i64)", (nint)(delegate* unmanaged[Cdecl]<nint, long, long, long, long, long>)&I64_I64_I64_I64_I64),
        [typeof(Func<double, double, double, double, double>)] = new("f64(f64,f64,f64,f64)", (nint)(delegate* unmanaged[Cdecl]<nint, double, double, double, double, double>)&F64_F64_F64_F64_F64),
        [typeof(Func<long, long, long, long, long, long>)] = new("i64(i64,i64,i64,i64,i64)", (nint)(delegate* unmanaged[Cdecl]<nint, long, long, long, long, long, long>)&I64_I64_I64_I64_I64_I64),
        [typeof(Func<double, double, double, double, double, double>)] = new("f64(f64,f64,f64,f64,f64)", (nint)(delegate* unmanaged[Cdecl]<nint, double, double, double, double, double, double>)&F64_F64_F64_F64_F64_F64),
        [typeof(Func<long, long, long, long, long, long, long>)] = new("i64(i64,i64,i64,i64,i64,i64)", (nint)(delegate* unmanaged[Cdecl]<nint, long, long, long, long, long, long, long>)&I64_I64_I64_I64_I64_I64_I64),
        [typeof(Func<double, double, double, double, double, double, double>)] = new("f64(f64,f64,f64,f64,f64,f64)", (nint)(delegate* unmanaged[Cdecl]<nint, double, double, double, double, double, double, double>)&F64_F64_F64_F64_F64_F64_F64),
        [typeof(Func<nint, nint, int>)] = new("i32(ptr,ptr)", (nint)(delegate* unmanaged[Cdecl]<nint, nint, nint, int>)&I32_Ptr_Ptr),
        [typeof(Func<nint, long, int>)] = new("i32(ptr,i64)", (nint)(delegate* unmanaged[Cdecl]<nint, nint, long, int>)&I32_Ptr_I64),
        [typeof(Func<nint, long, long>)] = new("i64(ptr,i64)", (nint)(delegate* unmanaged[Cdecl]<nint, nint, long, long>)&I64_Ptr_I64),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TDelegate Of<TDelegate>(nint context) where TDelegate : Delegate =>
        Closure.From<TypedClosure<TDelegate>>(context).Function;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Report(nint context, Exception exception) =>
        Closure.From<Closure>(context).Report("call", exception);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static T Zero<T>(nint context, Exception exception) where T : unmanaged
    {
        Report(context, exception);
        return default;
    }
}
