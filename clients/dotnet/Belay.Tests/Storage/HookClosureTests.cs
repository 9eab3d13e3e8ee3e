// What the functions given to the store close over: alive exactly as long as they are attached, then collected.
using System.Runtime.CompilerServices;
using static Belay.Tests.Support;

namespace Belay.Tests;

public sealed class HookClosureTests : StoreTest
{
    /// <summary>What a function closes over.</summary>
    private sealed class Captured
    {
        private readonly byte[] _bytes = new byte[1024];

        internal bool IsWhole => Array.TrueForAll(_bytes, b => b == 0);
    }

    private static Verdict Judge(Captured captured) => captured.IsWhole ? Verdict.Accept : Verdict.Reject("freed too early");

    [Fact]
    public void R3_AnUpdatesClosureLivesAsLongAsTheUpdate()
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        WeakReference Run()
        {
            var captured = new Captured();
            Store.Update("k"u8, (_, _) =>
            {
                CollectGarbage();
                return NextValue.Put(new[] { captured.IsWhole ? (byte)1 : (byte)0 });
            });
            return new WeakReference(captured);
        }

        var closure = Run();
        Assert.Equal([1], Store.Get("k"u8)!.Value.Value);
        // The library releases on a thread of its own, soon after; nothing more has to be called for that.
        Assert.True(SpinWait.SpinUntil(() => Broker.Ledger.Live == 0, HangTimeout));
        CollectGarbage();
        Assert.False(closure.IsAlive);
    }

    [Fact]
    public void R3_WhatIsForgottenIsDetachedByTheCollector()
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        WeakReference AttachAndForget()
        {
            var captured = new Captured();
            _ = Store.Validate(null, (_, _) => Judge(captured));
            _ = Store.Snapshot();
            return new WeakReference(captured);
        }

        var closure = AttachAndForget();
        Assert.True(SpinWait.SpinUntil(() =>
        {
            CollectGarbage();
            return Broker.Ledger.Live == 0 && !closure.IsAlive;
        }, HangTimeout));
        Assert.DoesNotContain(Broker.List(), info => info.Kind == HandleKind.Subscription);
    }

    [Fact]
    public void R3_WhatCannotBeAttachedIsLetGo()
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        WeakReference Fail()
        {
            var captured = new Captured();
            Throws(BelayStatus.InvalidArgument, () => Store.Update([], (_, _) => NextValue.Put(new byte[] { (byte)(captured.IsWhole ? 1 : 0) })));
            Throws(BelayStatus.InvalidArgument,
                   () => Store.Validate(new ValidatorOptions { Prefix = new byte[70_000] }, (_, _) => Judge(captured)));
            return new WeakReference(captured);
        }

        var closure = Fail();
        Assert.True(SpinWait.SpinUntil(() => Broker.Ledger.Live == 0, HangTimeout));
        CollectGarbage();
        Assert.False(closure.IsAlive);
    }
}
