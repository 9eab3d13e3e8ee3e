// Unregistering and draining.
using static Belay.Tests.Support;

namespace Belay.Tests;

public class DrainTests
{
    [Fact]
    public async Task R4_UnregisteredRefusesEveryHolder()
    {
        using var test = new TestBroker();
        using var callback = test.Broker.Register(Echo);
        using var other = callback.Retain();
        callback.Unregister();
        callback.Unregister();
        Throws(BelayStatus.Unregistered, () => callback.Invoke([]));
        Throws(BelayStatus.Unregistered, () => other.Invoke([]));
        await callback.Released.OrHang();
        Assert.Equal(CallbackState.Released, callback.Describe().State);
    }

    [Fact]
    public async Task R7_DrainWaitsForTheCallAndTheRelease()
    {
        using var test = new TestBroker();
        using var entered = new ManualResetEventSlim();
        using var leave = new ManualResetEventSlim();
        var owned = new Disposals();
        using var callback = test.Broker.Register((_, _, _) =>
        {
            entered.Set();
            leave.OrHang();
        }, new CallbackOptions { Owned = owned });
        var call = Task.Run(() => callback.Invoke([]));
        entered.OrHang();
        callback.Unregister();
        var late = Throws(BelayStatus.DeadlineExceeded, () => callback.Drain(TimeSpan.FromMilliseconds(1)));
        Assert.Contains("1", late.Detail, StringComparison.Ordinal);
        var drained = callback.DrainAsync();
        Assert.False(drained.IsCompleted);
        Assert.Equal(CallbackState.Draining, callback.Describe().State);
        using var source = new CancellationTokenSource();
        var given = callback.DrainAsync(source.Token);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        leave.Set();
        callback.Drain(HangTimeout);
        Assert.Equal(1, owned.Count);
        await drained.OrHang();
        await call.OrHang();
        await callback.DrainAsync().OrHang(); // At once, now.
        callback.Drain(TimeSpan.Zero);
    }

    [Fact]
    public void R7_DrainNeedsAnUnregisteredCallback()
    {
        using var test = new TestBroker();
        using var callback = test.Broker.Register(Echo);
        Throws(BelayStatus.FailedPrecondition, () => callback.Drain(TimeSpan.Zero));
        Assert.Throws<BelayException>(() => { _ = callback.DrainAsync(); });
        Assert.Throws<ArgumentOutOfRangeException>(() => callback.Drain(TimeSpan.FromSeconds(-1)));
    }

    [Fact]
    public void R7_DrainInsideTheCallbackWouldDeadlock()
    {
        using var test = new TestBroker();
        Callback? self = null;
        BelayStatus status = 0;
        self = test.Broker.Register((_, _, _) =>
        {
            self!.Unregister();
            status = Assert.Throws<BelayException>(() => self.Drain(HangTimeout)).Status;
        });
        self.Invoke([]);
        Assert.Equal(BelayStatus.WouldDeadlock, status);
        self.Dispose();
    }

    [Fact]
    public async Task R4_ClosingTheOwnerRefusesItsCallbacksOnly()
    {
        using var test = new TestBroker();
        var owner = test.Broker.OpenOwner("component");
        using var mine = owner.Register(Echo);
        using var elsewhere = mine.Retain(null);
        using var other = test.Broker.Register(Echo);
        using var atOther = mine.Retain(OwnerOf(test));
        owner.Dispose();
        owner.Dispose();
        Throws(BelayStatus.OwnerClosed, () => atOther.Invoke([]));
        Assert.Equal("x", Text(other.Invoke("x"u8)));
        await mine.Released.OrHang();
        Assert.Throws<ObjectDisposedException>(() => owner.Register(Echo));
    }

    private static Owner OwnerOf(TestBroker test) => test.Broker.OpenOwner("holder");

    [Fact]
    public void R16_RightsCanOnlyShrink()
    {
        using var test = new TestBroker();
        using var callback = test.Broker.Register(Echo);
        using var invokeOnly = callback.Retain(null, CallbackRights.Invoke);
        Assert.Equal(CallbackRights.Invoke, invokeOnly.Describe().Rights);
        Assert.Equal("x", Text(invokeOnly.Invoke("x"u8)));
        Throws(BelayStatus.PermissionDenied, () => invokeOnly.Unregister());
        Throws(BelayStatus.PermissionDenied, () => invokeOnly.Retain());
        using var noInvoke = callback.Retain(null, CallbackRights.Retain);
        Throws(BelayStatus.PermissionDenied, () => noInvoke.Invoke([]));
        Throws(BelayStatus.PermissionDenied, () => noInvoke.Retain(null, CallbackRights.All));
    }
}
