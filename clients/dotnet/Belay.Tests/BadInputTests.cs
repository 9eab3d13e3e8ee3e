// I7: bad input yields an exception that names what was wrong, never a crash.
using Belay.Native;
using static Belay.Tests.Support;

namespace Belay.Tests;

public class BadInputTests
{
    [Fact]
    public unsafe void I7_NullsAreNamed()
    {
        using var test = new TestBroker();
        var broker = test.Broker;
        using var owner = broker.OpenOwner("o");
        using var callback = broker.Register(Echo);
        Assert.Equal("function", Assert.Throws<ArgumentNullException>(() => broker.Register((SpanFunction)null!)).ParamName);
        Assert.Equal("function", Assert.Throws<ArgumentNullException>(() => broker.Register((CallbackFunction)null!)).ParamName);
        Assert.Equal("function", Assert.Throws<ArgumentNullException>(() => broker.RegisterTyped((Action)null!)).ParamName);
        Assert.Equal("signature", Assert.Throws<ArgumentNullException>(() => broker.RegisterTyped(() => { }, signature: null!)).ParamName);
        Assert.Equal("function", Assert.Throws<ArgumentNullException>(() => owner.Register((SpanFunction)null!)).ParamName);
        Assert.Equal("name", Assert.Throws<ArgumentNullException>(() => broker.OpenOwner(null!)).ParamName);
        Assert.Equal("signature", Assert.Throws<ArgumentNullException>(() => callback.Pin(null!)).ParamName);
        Assert.Throws<ArgumentNullException>(() => callback.Invoke([], answer: null!));
        Assert.Throws<ArgumentNullException>(() => Broker.Open(new BrokerOptions { Name = null! }));
        Assert.Throws<ArgumentNullException>(() => new TypedSignature<Action>("void()", null));
        Assert.Throws<ArgumentException>(() => new TypedSignature<Action>("", null));
        Assert.Equal(1, broker.Ledger.Live);
    }

    [Fact]
    public void R1_StaleHandlesAreRefused()
    {
        using var test = new TestBroker();
        var callback = test.Broker.Register(Echo);
        var number = callback.Handle;
        callback.Dispose();
        Throws(BelayStatus.Stale, () => Broker.Describe(number));
        Throws(BelayStatus.Stale, () => Callback.Adopt(number));
        Assert.Equal(BelayStatus.Stale, Callers.Invoke(number, [], [], out _));
        Assert.Equal((int)BelayStatus.Stale, NativeMethods.Release(number));
    }

    [Fact]
    public void R1_ForgedHandlesAreRefused()
    {
        using var test = new TestBroker();
        using var callback = test.Broker.Register(Echo);
        Throws(BelayStatus.Malformed, () => Broker.Describe(0));
        var random = new Random(7);
        var others = 0;
        for (var i = 0; i < 10_000; i++)
        {
            // Bits of a live handle flipped, and noise.
            var forged = i % 2 == 0 ? callback.Handle ^ (1ul << random.Next(64)) : (ulong)random.NextInt64();
            var exception = Record.Exception(() => Broker.Describe(forged));
            if (exception is null)
            {
                // Tests that run beside this one have handles, too: what is one bit from ours may be theirs.
                others++;
                continue;
            }
            var refused = Assert.IsType<BelayException>(exception);
            Assert.True(refused.Status is BelayStatus.Malformed or BelayStatus.Stale or BelayStatus.WrongKind,
                        $"0x{forged:x}: {refused.Message}");
        }
        Assert.InRange(others, 0, 2_500);
    }

    [Fact]
    public void R1_HandlesOfAnotherKindAreRefused()
    {
        using var test = new TestBroker();
        using var owner = test.Broker.OpenOwner("o");
        var wrong = Throws(BelayStatus.WrongKind, () => Callback.Adopt(owner.Handle));
        Assert.Contains("Owner", wrong.Message, StringComparison.Ordinal);
        Assert.Equal(BelayStatus.WrongKind, Callers.Invoke(owner.Handle, [], [], out _));
        Assert.Equal((int)BelayStatus.WrongKind, NativeMethods.Release(test.Broker.Handle));
    }

    [Fact]
    public async Task UseAfterDisposeIsObjectDisposed()
    {
        using var test = new TestBroker();
        var callback = test.Broker.Register(Echo);
        callback.Dispose();
        Assert.Throws<ObjectDisposedException>(() => callback.Invoke([]));
        Assert.Throws<ObjectDisposedException>(() => callback.Invoke([], new System.Buffers.ArrayBufferWriter<byte>()));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await callback.InvokeAsync(default));
        Assert.Throws<ObjectDisposedException>(() => callback.Retain());
        Assert.Throws<ObjectDisposedException>(() => callback.RetainForNative());
        Assert.Throws<ObjectDisposedException>(callback.Unregister);
        Assert.Throws<ObjectDisposedException>(() => callback.Drain(TimeSpan.Zero));
        Assert.Throws<ObjectDisposedException>(() => { _ = callback.DrainAsync(); });
        Assert.Throws<ObjectDisposedException>(() => callback.Describe());
        Assert.Throws<ObjectDisposedException>(() => callback.Pin("i64(i64)"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("too long")]
    public void I7_BadOwnerNames(string name)
    {
        using var test = new TestBroker();
        var text = name == "too long" ? new string('x', 256) : name;
        Throws(BelayStatus.InvalidArgument, () => test.Broker.OpenOwner(text));
    }

    [Fact]
    public void ALibraryThatIsNotThereSaysWhatToDo()
    {
        var assembly = typeof(Broker).Assembly;
        var wrong = Assert.Throws<DllNotFoundException>(() => LibraryResolver.Load("/no/such/libbelay.so.0", "", assembly));
        Assert.Contains("BELAY_LIBRARY", wrong.Message, StringComparison.Ordinal);
        Assert.Contains("/no/such/libbelay.so.0", wrong.Message, StringComparison.Ordinal);
        using var folder = new TemporaryFolder();
        var notALibrary = Path.Combine(folder.Path, "text");
        File.WriteAllText(notALibrary, "not a library");
        Assert.Throws<DllNotFoundException>(() => LibraryResolver.Load(notALibrary, "", assembly));
        LibraryResolver.Require(LibraryResolver.AbiVersion + 1);
        var old = Throws(BelayStatus.FailedPrecondition, () => LibraryResolver.Require(0));
        Assert.Equal("ABI_TOO_OLD", old.Reason);
    }

    [Fact]
    public unsafe void StructsAreLaidOutAsInTheHeader()
    {
        NativeError error;
        NativeBrokerOptions broker;
        NativeCall call;
        NativeCallbackOptions callback;
        NativePinInfo pin;
        NativeHandleInfo handle;
        NativeKeyspaceInfo keyspace;
        NativeKeyInfo key;
        NativeBytes bytes;
        NativeScanOptions scan;
        NativeWriteOptions write;
        NativeStatistic statistic;
        NativeWatchOptions watch;
        NativeValidatorOptions validator;
        NativeUpdateOptions update;
        (int Size, int LastOffset)[] layout =
        [
            (sizeof(NativeError), Offset(&error, &error.Message)),
            (sizeof(NativeBrokerOptions), Offset(&broker, &broker.Reserved3)),
            (sizeof(NativeCall), Offset(&call, &call.Kept)),
            (sizeof(NativeCallbackOptions), Offset(&callback, &callback.Reserved)),
            (sizeof(NativePinInfo), Offset(&pin, &pin.Context)),
            (sizeof(NativeHandleInfo), Offset(&handle, handle.Signature)),
            (sizeof(NativeKeyspaceInfo), Offset(&keyspace, keyspace.Name)),
            (sizeof(NativeKeyInfo), Offset(&key, &key.ExpiresAtMs)),
            (sizeof(NativeBytes), Offset(&bytes, &bytes.Size)),
            (sizeof(NativeScanOptions), Offset(&scan, &scan.Projection)),
            (sizeof(NativeWriteOptions), Offset(&write, &write.TtlMs)),
            (sizeof(NativeStatistic), Offset(&statistic, statistic.Name)),
            (sizeof(NativeWatchOptions), Offset(&watch, &watch.LagLimit)),
            (sizeof(NativeValidatorOptions), Offset(&validator, &validator.Reserved)),
            (sizeof(NativeUpdateOptions), Offset(&update, &update.TimeoutMs)),
        ];
        Assert.Equal<(int, int)[]>(Callers.Layout(), layout);
    }

    private static unsafe int Offset(void* start, void* field) => (int)((byte*)field - (byte*)start);
}
