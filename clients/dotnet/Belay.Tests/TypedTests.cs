// Typed callbacks: C# lambdas as C functions.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static Belay.Tests.Support;

namespace Belay.Tests;

public class TypedTests
{
    [Fact]
    public async Task R11_LongToLongIsCalledFromANativeThread()
    {
        using var test = new TestBroker();
        var offset = 5L;
        var owned = new Disposals();
        var callback = test.Broker.RegisterTyped((long x) => x + offset, new CallbackOptions { Owned = owned });
        Assert.Equal("i64(i64)", callback.Describe().Signature);
        Assert.Equal(BelayStatus.Ok, Callers.Sum(callback.Handle, 10, out var sum));
        Assert.Equal(45 + 50, sum);
        callback.Dispose();
        await callback.Released.OrHang();
        Assert.Equal(1, owned.Count);
        Assert.Equal(BelayStatus.Stale, Callers.Sum(callback.Handle, 10, out _));
    }

    [Fact]
    public void R11_VoidOfBoolIsCalledFromANativeThread()
    {
        using var test = new TestBroker();
        var heard = new List<bool>();
        using var callback = test.Broker.RegisterTyped((bool value) => heard.Add(value));
        using var pin = callback.Pin<Action<bool>>();
        Callers.OuterFunc(pin.Native.Function, pin.Native.Context);
        Assert.Equal([true, false], heard);
    }

    [Fact]
    public async Task R11_APinKeepsTheClosureThoughEverythingIsReleased()
    {
        using var test = new TestBroker();
        var owned = new Disposals();
        var callback = test.Broker.RegisterTyped((long x) => x * 2, new CallbackOptions { Owned = owned });
        var pin = callback.Pin("i64(i64)");
        Assert.Equal(HandleKind.Pin, Broker.Describe(pin.Handle).Kind);
        var native = pin.Native;
        callback.Unregister();
        callback.Dispose();
        CollectGarbage();
        Assert.Equal(14, Callers.Direct(native.Function, native.Context, 8));
        Assert.False(callback.Released.IsCompleted);
        Assert.Equal(0, owned.Count);
        pin.Dispose();
        pin.Dispose();
        await callback.Released.OrHang();
        Assert.Equal(1, owned.Count);
        Assert.Throws<ObjectDisposedException>(() => pin.Native);
    }

    [Fact]
    public async Task R11_AForgottenPinIsEndedByTheFinalizer()
    {
        using var test = new TestBroker();
        var callback = test.Broker.RegisterTyped((long x) => x);
        PinAndForget(callback);
        callback.Dispose();
        CollectGarbage();
        await callback.Released.OrHang();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void PinAndForget(Callback callback) => Assert.NotEqual(0, callback.Pin<Func<long, long>>().Native.Function);

    [Fact]
    public void R11_AnotherSignatureIsRefusedNamingBoth()
    {
        using var test = new TestBroker();
        using var callback = test.Broker.RegisterTyped((long x) => x);
        var refused = Throws(BelayStatus.InvalidArgument, () => callback.Pin<Action<bool>>());
        Assert.Equal("SIGNATURE_MISMATCH", refused.Reason);
        Assert.Contains("i64(i64)", refused.Message, StringComparison.Ordinal);
        Assert.Contains("void(bool)", refused.Message, StringComparison.Ordinal);
        Throws(BelayStatus.FailedPrecondition, () => callback.Invoke([]));
        using var bytes = test.Broker.Register(Echo);
        Throws(BelayStatus.FailedPrecondition, () => bytes.Pin<Action<bool>>());
    }

    [Fact]
    public void R9_AnExceptionIsReportedAndZeroReturned()
    {
        using var test = new TestBroker();
        using var number = test.Broker.RegisterTyped((long _) => Fail<long>(), new CallbackOptions { Label = "number" });
        using var nothing = test.Broker.RegisterTyped((bool _) => { Fail<int>(); });
        Assert.Equal(BelayStatus.Ok, Callers.Sum(number.Handle, 3, out var sum));
        Assert.Equal(0, sum);
        Assert.Equal(3, test.Faults.Count);
        Assert.All(test.Faults, fault =>
        {
            Assert.Equal(("number", "call"), (fault.Label, fault.During));
            Assert.IsType<FormatException>(fault.Exception);
            Assert.Contains("TypedTests.cs:", fault.Site, StringComparison.Ordinal);
        });
        using var pin = nothing.Pin<Action<bool>>();
        Callers.OuterFunc(pin.Native.Function, pin.Native.Context);
        Assert.Equal(5, test.Faults.Count);
    }

    private static T Fail<T>() => throw new FormatException("bad number");

    [Fact]
    public void R9_AFaultHandlerThatThrowsIsHarmless()
    {
        using var test = new TestBroker();
        test.Broker.CallbackFaulted += Rethrow;
        using var callback = test.Broker.RegisterTyped((long _) => Fail<long>());
        Assert.Equal(BelayStatus.Ok, Callers.Sum(callback.Handle, 1, out _));
        Assert.Single(test.Faults);
        test.Broker.CallbackFaulted -= Rethrow;
    }

    private static void Rethrow(object? sender, CallbackFaultEventArgs fault) => throw fault.Exception;

    [Fact]
    public void EveryBuiltInSignatureIsAcceptedAndPinned()
    {
        using var test = new TestBroker();
        foreach (var (type, thunk) in TypedThunks.All)
            Assert.True(thunk.Function != 0 && thunk.Signature.Contains('('), type.ToString());
        Check((bool _) => { }, "void(bool)");
        Check(() => { }, "void()");
        Check((int x) => x, "i32(i32)");
        Check((double a, double b) => a + b, "f64(f64,f64)");
        Check((nint a, nint b) => a.CompareTo(b), "i32(ptr,ptr)");
        Check((long a, long b, long c, long d, long e, long f) => a + b + c + d + e + f, "i64(i64,i64,i64,i64,i64,i64)");

        void Check<TDelegate>(TDelegate function, string signature) where TDelegate : Delegate
        {
            using var callback = test.Broker.RegisterTyped(function);
            Assert.Equal(signature, callback.Describe().Signature);
            using var pin = callback.Pin<TDelegate>();
            Assert.NotEqual(0, pin.Native.Function);
            Assert.NotEqual(0, pin.Native.Context);
        }
    }

    [Fact]
    public unsafe void ArgumentsArriveInOrderAndWhole()
    {
        using var test = new TestBroker();
        using var six = test.Broker.RegisterTyped((long a, long b, long c, long d, long e, long f) =>
            a + (10 * b) + (100 * c) + (1000 * d) + (10000 * e) + (100000 * f));
        using var sixPin = six.Pin<Func<long, long, long, long, long, long, long>>();
        var six_ = (delegate* unmanaged[Cdecl]<nint, long, long, long, long, long, long, long>)sixPin.Native.Function;
        Assert.Equal(654321, six_(sixPin.Native.Context, 1, 2, 3, 4, 5, 6));

        using var mixed = test.Broker.RegisterTyped((nint data, long size) =>
            new ReadOnlySpan<byte>((void*)data, (int)size).IndexOf((byte)'c'));
        using var mixedPin = mixed.Pin("i32(ptr,i64)");
        var mixed_ = (delegate* unmanaged[Cdecl]<nint, nint, long, int>)mixedPin.Native.Function;
        fixed (byte* text = "abc"u8)
            Assert.Equal(2, mixed_(mixedPin.Native.Context, (nint)text, 3));

        using var predicate = test.Broker.RegisterTyped((int x) => x > 3);
        using var predicatePin = predicate.Pin<Func<int, bool>>();
        var predicate_ = (delegate* unmanaged[Cdecl]<nint, int, byte>)predicatePin.Native.Function;
        Assert.Equal((0, 1), (predicate_(predicatePin.Native.Context, 3), predicate_(predicatePin.Native.Context, 4)));
    }

    [Fact]
    public unsafe void AnyOtherSignatureTakesAFunctionOfTheProgramsOwn()
    {
        using var test = new TestBroker();
        using var owner = test.Broker.OpenOwner("o");
        var unsupported = Assert.Throws<NotSupportedException>(() => test.Broker.RegisterTyped((float x) => x));
        Assert.Contains("TypedSignature", unsupported.Message, StringComparison.Ordinal);
        var signature = new TypedSignature<Func<float, float>>("f32(f32)", (delegate* unmanaged[Cdecl]<nint, float, float>)&Scale);
        using var callback = owner.RegisterTyped(x => x < 0 ? throw new FormatException() : 2 * x, signature);
        using var pin = callback.Pin(signature.Signature);
        var function = (delegate* unmanaged[Cdecl]<nint, float, float>)pin.Native.Function;
        Assert.Equal(3f, function(pin.Native.Context, 1.5f));
        Assert.Equal(0f, function(pin.Native.Context, -1f));
        Assert.Single(test.Faults);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static float Scale(nint context, float x)
    {
        try
        {
            return TypedContext.Function<Func<float, float>>(context)(x);
        }
        catch (FormatException exception)
        {
            TypedContext.Report(context, exception);
            return 0;
        }
    }
}
