// Updates: read, change and write as one step.
using System.Buffers.Binary;
using static Belay.Tests.Support;

namespace Belay.Tests;

public sealed class UpdateTests : StoreTest
{
    private const int Threads = 8;
    private const int PerThread = 50;

    private static NextValue Increment(CurrentValue current)
    {
        var next = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(next, current.Exists ? BinaryPrimitives.ReadInt64LittleEndian(current.Value) + 1 : 1);
        return NextValue.Put(next);
    }

    private long Counter => BinaryPrimitives.ReadInt64LittleEndian(Store.Get("n"u8)!.Value.Value);

    [Fact]
    public async Task S3_NoIncrementIsLostAmongThreads()
    {
        var calls = 0;
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(_ => Task.Factory.StartNew(() =>
        {
            for (var i = 0; i < PerThread;)
            {
                try
                {
                    Store.Update("n"u8, (current, _) =>
                    {
                        Interlocked.Increment(ref calls);
                        return Increment(current);
                    }, new UpdateOptions { Durability = Durability.Async });
                    i++;
                }
                catch (BelayException exception) when (exception.Reason == "TOO_MANY_CONFLICTS")
                {
                    // Nothing was written: once more.
                }
            }
        }, TaskCreationOptions.LongRunning))).OrHang();
        Assert.Equal(Threads * PerThread, Counter);
        Assert.Equal((ulong)(Threads * PerThread), Store.GetInfo("n"u8)!.Value.Version);
        Assert.True(calls >= Threads * PerThread);
    }

    [Fact]
    public void S3_AnUpdateThatLostTheRaceIsCalledAgain()
    {
        Store.Update("n"u8, (current, _) => Increment(current));
        var seen = new List<ulong>();
        Store.Update("n"u8, (current, _) =>
        {
            seen.Add(current.Revision);
            if (seen.Count == 1)
                Store.Update("n"u8, (other, _) => Increment(other));
            return Increment(current);
        });
        Assert.Equal([1ul, 2ul], seen);
        Assert.Equal(3, Counter);
    }

    [Fact]
    public void S3_AnUpdateMayDeleteOrLeaveAKey()
    {
        var revision = Store.Put("k"u8, "1"u8);
        Assert.Equal(revision, Store.Update("k"u8, (_, _) => NextValue.Unchanged));
        Assert.Equal(revision + 1, Store.Update("k"u8, (current, _) => current.Exists ? NextValue.Deleted : default));
        Assert.Null(Store.Get("k"u8));
        Store.Update("k"u8, (current, _) =>
        {
            Assert.False(current.Exists);
            Assert.Equal((0ul, 0), (current.Revision, current.Value.Length));
            return NextValue.Put(Utf8("2"));
        });
        Assert.Equal("2", ValueOf(Store, "k"));
    }

    [Fact]
    public void S3_AnUpdateThatThrowsWritesNothing()
    {
        Store.Put("k"u8, "1"u8);
        var failed = Throws(BelayStatus.CallbackFailed, () => Store.Update("k"u8, (_, _) => throw new FormatException("odd")));
        Assert.Contains("System.FormatException: odd", failed.Message, StringComparison.Ordinal);
        Assert.Equal("1", ValueOf(Store, "k"));
    }

    [Fact]
    public void S3_ARegisteredCallbackAnswersWithARow()
    {
        using var callback = Broker.Register((request, reply, _) =>
        {
            var row = new RowBlockWriter();
            row.Put("k"u8, Utf8($"had {new RowBlock(request).Count} row"));
            System.Buffers.BuffersExtensions.Write(reply, row.Block.Span);
        });
        Store.Put("k"u8, "1"u8);
        Store.Update("k"u8, callback, new UpdateOptions { Timeout = TimeSpan.FromSeconds(5) });
        Assert.Equal("had 1 row", ValueOf(Store, "k"));
        var wrongKey = Throws(BelayStatus.CallbackFailed, () => Store.Update("other"u8, callback));
        Assert.Equal("BAD_UPDATE_REPLY", wrongKey.Reason);
        callback.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Store.Update("k"u8, callback));
    }

    [Fact]
    public async Task AnUpdateIsValidatedAndTheInterfaceDoesWhatTheClassDoes()
    {
        IStore store = Store;
        await using var validator = await store.ValidateAsync(null, (rows, _) => Verdict.Reject("closed"));
        var refused = await ThrowsAsync(BelayStatus.FailedPrecondition,
                                        async () => await store.UpdateAsync(Utf8("k"), (_, _) => NextValue.Put(Utf8("1"))));
        Assert.EndsWith("closed", refused.Detail, StringComparison.Ordinal);
        validator.Dispose();
        Assert.Equal(1ul, await store.UpdateAsync(Utf8("k"), (_, _) => NextValue.Put(Utf8("1"))));
        Assert.Throws<ArgumentNullException>(() => Store.Update("k"u8, (UpdateFunction)null!));
        Assert.Throws<ArgumentNullException>(() => Store.Update("k"u8, (Callback)null!));
        Throws(BelayStatus.InvalidArgument, () => Store.Update([], (_, _) => default));
    }
}
