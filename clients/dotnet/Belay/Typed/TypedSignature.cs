// Typed callbacks: which C signature a delegate type has, and the static function that native code calls for it.
//
// Invariants: signature and function belong together; the function takes the context first, catches everything, and
// finds its delegate by TypedContext.
// Thread safety: immutable.
namespace Belay;

/// <summary>The C signature of a delegate type and the function that native code calls for it.</summary>
/// <typeparam name="TDelegate">The delegate type.</typeparam>
/// <remarks>
/// For a signature that is not built in write the function yourself; it is five lines:
/// <code>
/// [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
/// static float Scale(nint context, float x)
/// {
///     try { return TypedContext.Function&lt;Func&lt;float, float&gt;&gt;(context)(x); }
///     catch (Exception e) { TypedContext.Report(context, e); return 0; }
/// }
/// static readonly TypedSignature&lt;Func&lt;float, float&gt;&gt; ScaleSignature =
///     new("f32(f32)", (delegate* unmanaged[Cdecl]&lt;nint, float, float&gt;)&amp;Scale);
/// </code>
/// </remarks>
public sealed unsafe class TypedSignature<TDelegate> where TDelegate : Delegate
{
    /// <summary>Pairs a signature with its function.</summary>
    /// <param name="signature">RESULT(ARGUMENT, ...) of void, bool, i8..i64, u8..u64, f32, f64, ptr; up to 6 arguments.</param>
    /// <param name="function">Address of an UnmanagedCallersOnly method that takes <c>nint context</c> before them.</param>
    public TypedSignature(string signature, void* function)
    {
        ArgumentException.ThrowIfNullOrEmpty(signature);
        ArgumentNullException.ThrowIfNull(function);
        Signature = signature;
        Function = function;
    }

    /// <summary>E.g. <c>i64(i64)</c>.</summary>
    public string Signature { get; }

    /// <summary>What native code calls.</summary>
    internal void* Function { get; }
}

/// <summary>The signatures that are built in.</summary>
public static unsafe class TypedSignature
{
    /// <summary>
    /// The signature of a delegate type. There are: <c>Action</c> and <c>Action</c> of bool, int, long, double, nint,
    /// (long, long), (nint, long); <c>Func</c> returning bool, int, long, double of nothing; int, long, double, nint, bool
    /// of one of the same; bool of int, long and nint; long of nint; int, long, double of two and three of the same; long
    /// and double of four to six of the same; int of (nint, nint), (nint, long); long of (nint, long).
    /// </summary>
    /// <typeparam name="TDelegate">The delegate type.</typeparam>
    /// <exception cref="NotSupportedException">There is none for this type; the message says what to do.</exception>
    public static TypedSignature<TDelegate> BuiltIn<TDelegate>() where TDelegate : Delegate =>
        Cache<TDelegate>.Found ?? throw new NotSupportedException(
            $"No C signature is built in for {typeof(TDelegate)}. Use one of the delegate types that TypedSignature.BuiltIn " +
            "lists, or pass a TypedSignature<TDelegate> with a function of your own.");

    private static class Cache<TDelegate> where TDelegate : Delegate
    {
        internal static readonly TypedSignature<TDelegate>? Found =
            TypedThunks.All.TryGetValue(typeof(TDelegate), out var thunk)
                ? new TypedSignature<TDelegate>(thunk.Signature, (void*)thunk.Function)
                : null;
    }
}

/// <summary>For the functions of a <see cref="TypedSignature{TDelegate}"/>: from the context to the delegate.</summary>
public static class TypedContext
{
    /// <summary>The delegate of the callback being called.</summary>
    /// <typeparam name="TDelegate">The type it was registered with; any other is undefined.</typeparam>
    /// <param name="context">The first argument that the function got.</param>
    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining)]
    public static TDelegate Function<TDelegate>(nint context) where TDelegate : Delegate =>
        Closure.From<TypedClosure<TDelegate>>(context).Function;

    /// <summary>Reports an exception that the function has caught.</summary>
    /// <param name="context">The first argument that the function got.</param>
    /// <param name="exception">What was caught.</param>
    public static void Report(nint context, Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        Closure.From<Closure>(context).Report("call", exception);
    }
}

internal sealed class TypedClosure<TDelegate>(TDelegate function, CallbackOptions options, string site, ClosureLedger ledger)
    : Closure(function, options, site, ledger) where TDelegate : Delegate
{
    /// <summary>The program's delegate; null once the closure has ended, when nobody may call.</summary>
    internal TDelegate Function { get; private set; } = function;

    protected override void Forget() => Function = null!;
}
