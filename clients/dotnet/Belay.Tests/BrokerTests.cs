// Opening, closing and listing.
using System.Runtime.CompilerServices;
using static Belay.Tests.Support;

namespace Belay.Tests;

public class BrokerTests
{
    [Fact]
    public void LibraryTellsItsVersion() => Assert.Matches(@"^\d+\.\d+\.\d+", Broker.LibraryVersion);

    [Fact]
    public void DoubleDisposeIsHarmless()
    {
        var test = new TestBroker();
        test.Dispose();
        test.Broker.Dispose();
        Assert.True(test.Broker.Close(TimeSpan.Zero));
        Assert.Throws<ObjectDisposedException>(() => test.Broker.List());
        Assert.Throws<ObjectDisposedException>(() => test.Broker.OpenOwner("x"));
        Assert.Throws<ObjectDisposedException>(() => test.Broker.Store);
    }

    [Fact]
    public async Task R12_ClosingEndsEveryClosureAndReportsTheLeak()
    {
        var test = new TestBroker();
        var owned = new Disposals();
        var owner = test.Broker.OpenOwner("leaky part");
        var callback = owner.Register(Echo, new CallbackOptions { Owned = owned, Label = "leaked" });
        test.Dispose();
        Assert.Equal(1, owned.Count);
        await callback.Released.OrHang();
        var report = string.Join('\n', test.Lines);
        Assert.Contains("leaky part", report, StringComparison.Ordinal);
        Assert.Contains("leaked", report, StringComparison.Ordinal);
        Assert.Contains("BrokerTests.cs:", report, StringComparison.Ordinal);
        var refused = Assert.Throws<BelayException>(() => callback.Invoke([]));
        Assert.True(refused.Status is BelayStatus.Closed or BelayStatus.Stale, refused.Message);
        callback.Dispose();
        owner.Dispose();
    }

    [Fact]
    public async Task R12_ClosingUnderARunningCallIsClean()
    {
        var test = new TestBroker();
        using var entered = new ManualResetEventSlim();
        using var leave = new ManualResetEventSlim();
        var owned = new Disposals();
        var callback = test.Broker.Register((request, reply, call) =>
        {
            entered.Set();
            leave.OrHang();
            Echo(request, reply, call);
        }, new CallbackOptions { Owned = owned });
        var call = Task.Run(() => callback.Invoke("survives"u8));
        entered.OrHang();
        Assert.False(test.Broker.Close(TimeSpan.FromMilliseconds(1)));
        Assert.False(callback.Released.IsCompleted);
        leave.Set();
        Assert.Equal("survives", Text(await call.OrHang()));
        await callback.Released.OrHang();
        Assert.Equal(1, owned.Count);
        Assert.Equal(0, test.Broker.Ledger.Live);
        callback.Dispose();
    }

    [Fact]
    public async Task R5_CloseInsideTheCallback()
    {
        var test = new TestBroker();
        bool? closed = null;
        var callback = test.Broker.Register((_, _, _) => closed = test.Broker.Close(HangTimeout));
        callback.Invoke([]);
        Assert.False(closed);
        await callback.Released.OrHang();
        Assert.Equal(0, test.Broker.Ledger.Live);
        callback.Dispose();
    }

    [Fact]
    public async Task CloseFromManyThreadsAtOnce()
    {
        var test = new TestBroker();
        using var callback = test.Broker.Register(Echo);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(test.Broker.Dispose))).OrHang();
        await test.Broker.DisposeAsync();
        await callback.Released.OrHang();
    }

    [Fact]
    public async Task AForgottenBrokerIsClosedByTheFinalizer()
    {
        var (released, ledger) = OpenAndForget();
        for (var i = 0; i < 20 && !released.IsCompleted; i++)
            CollectGarbage();
        await released.OrHang();
        Assert.Equal(0, ledger.Live);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (Task Released, ClosureLedger Ledger) OpenAndForget()
    {
        var broker = Broker.Open(new BrokerOptions { Name = "forgotten", Log = (_, _) => { } });
        return (broker.Register(Echo).Released, broker.Ledger);
    }

    [Fact]
    public void R15_ListShowsEveryLiveHandle()
    {
        using var test = new TestBroker();
        using var owner = test.Broker.OpenOwner("part");
        var callbacks = Enumerable.Range(0, 200).Select(i => owner.Register(Echo, new CallbackOptions { Label = $"n{i}" })).ToList();
        callbacks[7].Invoke("x"u8);
        var listed = test.Broker.List().Where(info => info.Kind == HandleKind.Callback).ToList();
        Assert.Equal(callbacks.Select(c => c.Handle).Order(), listed.Select(i => i.Handle).Order());
        var one = listed.Single(info => info.Label == "n7");
        Assert.Equal(one.Handle, callbacks[7].Handle);
        Assert.Equal(("part", "part", 1ul, 0ul, 0ul, 1ul), (one.Owner, one.Holder, one.Calls, one.Failures, one.InFlight, one.References));
        Assert.Equal((CallbackState.Live, CallbackRights.All, owner.Handle), (one.State, one.Rights, one.OwnerHandle));
        Assert.StartsWith("BrokerTests.cs:", one.Site, StringComparison.Ordinal);
        Assert.InRange(one.Created, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(1));
        Assert.InRange(one.Age, TimeSpan.Zero, TimeSpan.FromMinutes(5));
        callbacks.ForEach(c => c.Dispose());
        Assert.DoesNotContain(test.Broker.List(), info => info.Kind == HandleKind.Callback);
    }

    [Fact]
    public async Task TheInterfaceDoesWhatTheClassDoes()
    {
        using var test = new TestBroker();
        IBroker broker = test.Broker;
        await using var echo = await broker.RegisterAsync(Echo, new CallbackOptions { Label = "echo" });
        await using var later = await broker.RegisterAsync(async (request, _) =>
        {
            await Task.Yield();
            return request;
        });
        Assert.Equal("a", Text(await echo.InvokeAsync(Utf8("a"))));
        Assert.Equal("b", Text(await later.InvokeAsync(Utf8("b"))));
        Assert.Equal("echo", (await echo.DescribeAsync()).Label);
        await using var retained = await echo.RetainAsync();
        var listed = new List<HandleInfo>();
        await foreach (var info in broker.ListAsync())
            listed.Add(info);
        Assert.Equal(3, listed.Count(info => info.Kind == HandleKind.Callback));
        await echo.UnregisterAsync();
        await echo.DrainAsync().OrHang();
        await echo.Released.OrHang();
        await ThrowsAsync(BelayStatus.Unregistered, async () => await retained.InvokeAsync(default));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await broker.RegisterAsync((SpanFunction)null!));
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await later.InvokeAsync(default, cancelled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await later.RetainAsync(cancelled.Token));
        Assert.Throws<BelayException>(() => broker.Store);
    }
}
