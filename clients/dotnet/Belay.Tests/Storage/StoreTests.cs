// The store: reading, writing, scanning with a filter closure, watching.
using System.Buffers;
using static Belay.Tests.Support;

namespace Belay.Tests;

public sealed class StoreTests : StoreTest
{
    [Fact]
    public void S1_PutGetDelete()
    {
        Assert.Null(Store.Get("a"u8));
        var first = Store.Put("a"u8, "1"u8);
        var second = Store.Put("a"u8, "2"u8);
        Assert.Equal(first + 1, second);
        var value = Store.Get("a"u8)!.Value;
        Assert.Equal(("2", second), (Text(value.Value), value.Revision));
        Assert.Equal(second + 1, Store.Delete("a"u8));
        Assert.Null(Store.Delete("a"u8));
        Assert.Null(Store.Get("a"u8));
        Store.Put("empty"u8, []);
        Assert.Empty(Store.Get("empty"u8)!.Value.Value);
        Assert.Same(Store, Broker.Store);
    }

    [Fact]
    public void S1_Conditions()
    {
        var revision = Store.Put("k"u8, "1"u8, WriteOptions.OnlyIf(Precondition.Absent));
        Throws(BelayStatus.Aborted, () => Store.Put("k"u8, "2"u8, WriteOptions.OnlyIf(Precondition.Absent)));
        Throws(BelayStatus.Aborted, () => Store.Put("k"u8, "2"u8, WriteOptions.OnlyIf(Precondition.Revision(revision + 9))));
        Throws(BelayStatus.Aborted, () => Store.Delete("k"u8, WriteOptions.OnlyIf(Precondition.Revision(revision + 9))));
        revision = Store.Put("k"u8, "2"u8, WriteOptions.Async with { If = Precondition.Revision(revision) });
        Assert.NotNull(Store.Delete("k"u8, WriteOptions.OnlyIf(Precondition.Revision(revision))));
    }

    [Theory]
    [InlineData(1023)]
    [InlineData(1024)]
    [InlineData(1025)]
    [InlineData(3_000_000)]
    public void I3_ValuesOfAnySizeAreReadWhole(int size)
    {
        var value = new byte[size];
        new Random(1).NextBytes(value);
        Store.Put("big"u8, value);
        Assert.Equal(value, Store.Get("big"u8)!.Value.Value);
        var writer = new ArrayBufferWriter<byte>();
        Assert.True(Store.TryGet("big"u8, writer, out var revision));
        Assert.NotEqual(0ul, revision);
        Assert.Equal(value, writer.WrittenSpan.ToArray());
        using var cursor = Store.Scan();
        Assert.True(cursor.Next(out var rows));
        Assert.Equal(value, Assert.Single(rows.ToList()).Value);
        Assert.False(cursor.Next(out _));
        Assert.False(cursor.Next(out _));
        Assert.False(Store.TryGet("none"u8, writer, out _));
    }

    [Fact]
    public void I7_BadKeysAreNamed()
    {
        Throws(BelayStatus.InvalidArgument, () => Store.Put([], "v"u8));
        Throws(BelayStatus.InvalidArgument, () => Store.Get([]));
        Throws(BelayStatus.InvalidArgument, () => Store.Delete([]));
        Throws(BelayStatus.InvalidArgument, () => Store.Put(new byte[70_000], "v"u8));
        Throws(BelayStatus.InvalidArgument, () => Store.Scan(new ScanOptions { Prefix = Utf8("a"), Start = Utf8("a") }));
        Assert.Throws<ArgumentNullException>(() => Store.Scan(null, (Callback)null!));
        Assert.Throws<ArgumentNullException>(() => Store.Watch(null, (WatchFunction)null!));
        Assert.Throws<ArgumentNullException>(() => Store.Watch(null, (Callback)null!));
        Assert.Throws<ArgumentNullException>(() => Store.TryGet("a"u8, null!, out _));
    }

    [Fact]
    public void ASecondOpenerOfTheFolderIsToldSo()
    {
        _ = Store;
        var locked = Throws(BelayStatus.FailedPrecondition, () => Broker.Open(new BrokerOptions { StorePath = Folder }));
        Assert.Equal("STORE_LOCKED", locked.Reason);
    }

    [Fact]
    public void S1_ScansInEveryDirection()
    {
        Fill(20);
        Store.Put("other"u8, "x"u8);
        using var all = Store.Scan();
        Assert.Equal(21, KeysOf(all).Count);
        using var reverse = Store.Scan(new ScanOptions { Prefix = Utf8("key"), Reverse = true, Limit = 2 });
        Assert.Equal(["key00019", "key00018"], KeysOf(reverse));
        using var range = Store.Scan(new ScanOptions { Start = Utf8("key00003"), End = Utf8("key00005"), KeysOnly = true });
        Assert.True(range.Next(out var rows));
        Assert.All(rows.ToList(), row => Assert.Empty(row.Value));
        Assert.Same(Store, range.Store);
        Assert.Equal(HandleKind.Cursor, Broker.Describe(range.Handle).Kind);
        range.Dispose();
        range.Dispose();
        Assert.Throws<ObjectDisposedException>(() => range.Next(out _));
        Assert.Throws<InvalidOperationException>(() => { _ = range.FilterReleased; });
    }

    [Fact]
    public async Task S3_AFilterClosureLivesAsLongAsItsScan()
    {
        Fill(2000);
        var wanted = "5";
        Task released;
        using (var cursor = Store.Scan(null, row => Text(row.Key).EndsWith(wanted, StringComparison.Ordinal)))
        {
            released = cursor.FilterReleased;
            CollectGarbage();
            Assert.Equal(200, KeysOf(cursor).Count);
            Assert.False(released.IsCompleted);
        }
        await released.OrHang();
    }

    [Fact]
    public void S3_ARegisteredCallbackCanBeTheFilter()
    {
        Fill(10);
        using var filter = Broker.Register((request, reply, _) => RowBitmap.Write(row => row.Key[^1] == '7', request, reply));
        using var cursor = Store.Scan(null, filter);
        Assert.Equal(["key00007"], KeysOf(cursor));
        filter.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Store.Scan(null, filter));
    }

    [Fact]
    public void S3_AFilterThatThrowsFailsTheScan()
    {
        Fill(3);
        using var cursor = Store.Scan(null, _ => throw new FormatException("bad row"));
        var failed = Throws(BelayStatus.CallbackFailed, () => cursor.Next(out _));
        Assert.Contains("bad row", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void I4_ACursorIsExclusive()
    {
        Fill(3);
        Cursor? cursor = null;
        Exception? inside = null;
        cursor = Store.Scan(null, _ =>
        {
            inside ??= Record.Exception(() => cursor!.Next(out var _));
            return true;
        });
        Assert.Equal(3, KeysOf(cursor).Count);
        Assert.IsType<InvalidOperationException>(inside);
        cursor.Dispose();
    }

    [Fact]
    public async Task S3_AWatchReceivesChangesInOrder()
    {
        var seen = new List<Row>();
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var subscription = Store.Watch(new WatchOptions { Prefix = Utf8("w/"), Label = "mine" }, (changes, _) =>
        {
            foreach (var change in changes)
                seen.Add(change.ToRow());
            if (seen.Count >= 3)
                all.TrySetResult();
        });
        Assert.Equal(HandleKind.Subscription, Broker.Describe(subscription.Handle).Kind);
        Store.Put("w/a"u8, "1"u8);
        Store.Put("elsewhere"u8, "x"u8);
        Store.Put("w/a"u8, "2"u8);
        Store.Delete("w/a"u8);
        await all.Task.OrHang();
        Assert.Equal(["1", "2", ""], seen.Select(row => Text(row.Value)));
        Assert.Equal(RowKind.Delete, seen[2].Kind);
        Assert.True(seen[0].Revision < seen[1].Revision && seen[1].Revision < seen[2].Revision);
        subscription.Dispose();
        await subscription.DisposeAsync();
        await subscription.Released.OrHang();
        Assert.Same(Store, subscription.Store);
    }

    [Fact]
    public async Task S3_AWatchThatThrowsGetsTheSameChangesAgain()
    {
        var attempts = new List<ulong>();
        var again = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var subscription = Store.Watch(null, (changes, _) =>
        {
            foreach (var change in changes)
                attempts.Add(change.Revision);
            if (attempts.Count == 1)
                throw new FormatException("not yet");
            again.TrySetResult();
        });
        var revision = Store.Put("a"u8, "1"u8);
        await again.Task.OrHang();
        Assert.Equal([revision, revision], attempts);
    }

    [Fact]
    public async Task S3_AWatchFromARevisionSeesThePast()
    {
        var from = Store.Put("a"u8, "1"u8);
        Store.Put("b"u8, "2"u8);
        var seen = 0;
        var both = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var callback = Broker.Register((request, _, _) =>
        {
            seen += new RowBlock(request).Count;
            if (seen >= 2)
                both.TrySetResult();
        });
        using var subscription = Store.Watch(new WatchOptions { FromRevision = from }, callback);
        await both.Task.OrHang();
        Assert.Throws<InvalidOperationException>(() => { _ = subscription.Released; });
    }

    [Fact]
    public async Task TheInterfaceDoesWhatTheClassDoes()
    {
        IStore store = Store;
        Assert.Null(await store.GetAsync(Utf8("a")));
        var revision = await store.PutAsync(Utf8("a"), Utf8("1"));
        Assert.Equal(revision, (await store.GetAsync(Utf8("a")))!.Value.Revision);
        await store.PutAsync(Utf8("b"), Utf8("2"));
        var kept = new List<Row>();
        await foreach (var row in store.ScanAsync(null, row => row.Value[0] == '2'))
            kept.Add(row);
        Assert.Equal("b", Text(Assert.Single(kept).Key));
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var subscription = await store.WatchAsync(null, (_, _) => changed.TrySetResult());
        Assert.NotNull(await store.DeleteAsync(Utf8("a")));
        await changed.Task.OrHang();
    }

    [Fact]
    public void S2_WhatWasWrittenIsThereAfterReopening()
    {
        var revision = Store.Put("durable"u8, "yes"u8);
        Assert.True(Broker.Close(HangTimeout));
        using var again = new TestBroker(new BrokerOptions { StorePath = Folder, Log = (_, _) => { } });
        var value = again.Broker.Store.Get("durable"u8)!.Value;
        Assert.Equal(("yes", revision), (Text(value.Value), value.Revision));
        Assert.Equal(revision + 1, again.Broker.Store.Put("next"u8, "1"u8));
    }
}
