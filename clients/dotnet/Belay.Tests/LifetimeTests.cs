// When closures end: exactly once, after the last call, whatever the program does.
using System.Runtime.CompilerServices;
using static Belay.Tests.Support;

namespace Belay.Tests;

public class LifetimeTests
{
    [Fact]
    public async Task R3_ReleaseEndsTheClosureOnceAndDisposesWhatItOwns()
    {
        using var test = new TestBroker();
        var owned = new Disposals();
        var callback = test.Broker.Register(Echo, new CallbackOptions { Owned = owned });
        Assert.Equal((1, 1), (test.Broker.Ledger.Live, test.Broker.Ledger.Roots));
        callback.Dispose();
        callback.Dispose();
        await callback.DisposeAsync();
        await callback.Released.OrHang();
        Assert.Equal(1, owned.Count);
        Assert.Equal((0, 0, 1), (test.Broker.Ledger.Live, test.Broker.Ledger.Roots, test.Broker.Ledger.Ended));
    }

    [Fact]
    public async Task R2_EveryHolderHasItsOwnHandle()
    {
        using var test = new TestBroker();
        using var other = test.Broker.OpenOwner("other");
        var owned = new Disposals();
        var first = test.Broker.Register(Echo, new CallbackOptions { Owned = owned });
        var second = first.Retain(other);
        Assert.NotEqual(first.Handle, second.Handle);
        Assert.Equal("other", second.Describe().Holder);
        Assert.Equal(2ul, second.Describe().References);
        first.Dispose();
        Assert.Equal("still", Text(second.Invoke("still"u8)));
        Assert.Throws<ObjectDisposedException>(() => first.Invoke([]));
        Assert.Equal(0, owned.Count);
        second.Dispose();
        await second.Released.OrHang();
        await first.Released.OrHang();
        Assert.Equal(1, owned.Count);
    }

    [Fact]
    public async Task R3_AFailedRegistrationEndsTheClosureToo()
    {
        using var test = new TestBroker();
        var owned = new Disposals();
        var options = new CallbackOptions { Owned = owned, Label = new string('x', 256) };
        Throws(BelayStatus.InvalidArgument, () => test.Broker.Register(Echo, options));
        Assert.Equal(1, owned.Count);
        Throws(BelayStatus.Unimplemented, () => test.Broker.Register(Echo, new CallbackOptions { Owned = owned, Name = "n" }));
        Assert.Equal(2, owned.Count);
        var signature = NonsenseSignature();
        Throws(BelayStatus.InvalidArgument, () => test.Broker.RegisterTyped(() => { }, signature, new() { Owned = owned }));
        Assert.Equal(3, owned.Count);
        Assert.Equal(0, test.Broker.Ledger.Live);
        await Task.CompletedTask;
    }

    private static unsafe TypedSignature<Action> NonsenseSignature() =>
        new("i64(rubbish)", (void*)TypedThunks.All[typeof(Action)].Function);

    [Fact]
    public async Task R3_RegisterAfterCloseEndsTheClosure()
    {
        var test = new TestBroker();
        var owner = test.Broker.OpenOwner("o");
        test.Dispose();
        var owned = new Disposals();
        Assert.Throws<ObjectDisposedException>(() => test.Broker.Register(Echo, new CallbackOptions { Owned = owned }));
        Assert.Equal(1, owned.Count);
        var refused = Assert.Throws<BelayException>(() => owner.Register(Echo, new CallbackOptions { Owned = owned }));
        Assert.True(refused.Status is BelayStatus.Closed or BelayStatus.Stale, refused.Message);
        Assert.Equal(2, owned.Count);
        owner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => owner.Register(Echo));
        Assert.Equal(0, test.Broker.Ledger.Live);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task R5_TheClosureEndsAfterTheLastCallHasReturned()
    {
        using var test = new TestBroker();
        using var entered = new ManualResetEventSlim();
        using var leave = new ManualResetEventSlim();
        var owned = new Disposals();
        var callback = test.Broker.Register((request, reply, _) =>
        {
            entered.Set();
            leave.OrHang();
            Assert.Equal(0, owned.Count);
            Echo(request, reply, default);
        }, new CallbackOptions { Owned = owned });
        var call = Task.Run(() => callback.Invoke("in flight"u8));
        entered.OrHang();
        callback.Dispose(); // Does not wait, though the call runs.
        Assert.False(callback.Released.IsCompleted);
        Assert.Equal(0, owned.Count);
        leave.Set();
        Assert.Equal("in flight", Text(await call.OrHang()));
        await callback.Released.OrHang();
        Assert.Equal(1, owned.Count);
    }

    [Fact]
    public async Task R5_ReleaseInsideTheCallback()
    {
        using var test = new TestBroker();
        Callback? self = null;
        var owned = new Disposals();
        self = test.Broker.Register((_, reply, _) =>
        {
            self!.Dispose();
            Assert.Equal(0, owned.Count);
            Echo("done"u8, reply, default);
        }, new CallbackOptions { Owned = owned });
        Assert.Equal("done", Text(self.Invoke([])));
        await self.Released.OrHang();
        Assert.Equal(1, owned.Count);
    }

    [Fact]
    public async Task R6_ReleasedIsPromptWithoutFurtherCalls()
    {
        using var test = new TestBroker();
        var callback = test.Broker.Register(Echo);
        var start = DateTime.UtcNow;
        callback.Dispose();
        await callback.Released.OrHang();
        Assert.InRange(DateTime.UtcNow - start, TimeSpan.Zero, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task R6_TheFinalizerReleases()
    {
        using var test = new TestBroker();
        var owned = new Disposals();
        var (weak, released) = RegisterAndForget(test.Broker, owned);
        CollectGarbage();
        await released.OrHang();
        Assert.Equal(1, owned.Count);
        CollectGarbage();
        Assert.False(weak.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (WeakReference Captured, Task Released) RegisterAndForget(Broker broker, Disposals owned)
    {
        var captured = new object();
        var callback = broker.Register((_, _, _) => GC.KeepAlive(captured), new CallbackOptions { Owned = owned });
        callback.Invoke([]);
        return (new WeakReference(captured), callback.Released);
    }

    [Fact]
    public async Task TheClosureIsCollectedThoughItsCallbackObjectLives()
    {
        using var test = new TestBroker();
        var (callback, weak) = RegisterCapturing(test.Broker);
        CollectGarbage();
        Assert.True(weak.IsAlive);
        callback.Dispose();
        await callback.Released.OrHang();
        CollectGarbage();
        Assert.False(weak.IsAlive);
        GC.KeepAlive(callback);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (Callback Callback, WeakReference Captured) RegisterCapturing(Broker broker)
    {
        var captured = new object();
        return (broker.Register((_, _, _) => GC.KeepAlive(captured)), new WeakReference(captured));
    }

    [Fact]
    public async Task AsyncDisposalIsAwaitedBeforeReleasedCompletes()
    {
        using var test = new TestBroker();
        var slow = new SlowDisposal();
        var callback = test.Broker.Register(Echo, new CallbackOptions { Owned = slow });
        callback.Dispose();
        await slow.Begun.Task.OrHang();
        Assert.False(callback.Released.IsCompleted);
        Assert.Equal(1, test.Broker.Ledger.Roots);
        slow.Finish.SetResult();
        await callback.Released.OrHang();
        Assert.Equal(0, test.Broker.Ledger.Roots);
    }

    private sealed class SlowDisposal : IAsyncDisposable
    {
        internal TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        internal TaskCompletionSource Finish { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async ValueTask DisposeAsync()
        {
            Begun.SetResult();
            await Finish.Task;
        }
    }

    [Fact]
    public async Task ADisposalThatThrowsIsReportedAndTheGCHandleStillFreed()
    {
        using var test = new TestBroker();
        var callback = test.Broker.Register(Echo, new CallbackOptions { Owned = new BadDisposal(), Label = "bad" });
        callback.Dispose();
        await callback.Released.OrHang();
        var fault = Assert.Single(test.Faults);
        Assert.Equal(("bad", "dispose"), (fault.Label, fault.During));
        Assert.IsType<NotSupportedException>(fault.Exception);
        Assert.Contains("LifetimeTests.cs:", fault.Site, StringComparison.Ordinal);
    }

    private sealed class BadDisposal : IDisposable
    {
        public void Dispose() => throw new NotSupportedException();
    }

    [Fact]
    public async Task OwnsTargetDisposesTheObjectAMethodIsBoundTo()
    {
        using var test = new TestBroker();
        var kept = new Handler();
        var given = new Handler();
        var first = test.Broker.Register(kept.Handle);
        var second = test.Broker.Register(given.Handle, new CallbackOptions { OwnsTarget = true, Owned = given });
        first.Dispose();
        second.Dispose();
        await Task.WhenAll(first.Released, second.Released).OrHang();
        Assert.Equal((0, 1), (kept.Disposals, given.Disposals));
    }

    private sealed class Handler : IDisposable
    {
        internal int Disposals { get; private set; }

        public void Dispose() => Disposals++;

        internal void Handle(ReadOnlySpan<byte> request, System.Buffers.IBufferWriter<byte> reply, CallContext call)
        {
            Assert.Equal(0, Disposals);
            Echo(request, reply, call);
        }
    }

    [Fact]
    public async Task DisposeRacesWithInvokeOnManyThreads()
    {
        using var test = new TestBroker();
        for (var round = 0; round < 50; round++)
        {
            var owned = new Disposals();
            var callback = test.Broker.Register((request, reply, _) =>
            {
                Assert.Equal(0, owned.Count);
                Echo(request, reply, default);
            }, new CallbackOptions { Owned = owned });
            using var start = new Barrier(3);
            var callers = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            {
                start.SignalAndWait(HangTimeout);
                try
                {
                    while (true)
                        Assert.Equal("x", Text(callback.Invoke("x"u8)));
                }
                catch (ObjectDisposedException)
                {
                    // The only way that it may end.
                }
            })).ToArray();
            start.SignalAndWait(HangTimeout);
            callback.Dispose();
            await Task.WhenAll(callers).OrHang();
            await callback.Released.OrHang();
            Assert.Equal(1, owned.Count);
        }
    }
}
