// Batches, conditions and ranges: what is committed, and what refuses it.
using static Belay.Tests.Support;

namespace Belay.Tests;

public sealed class BatchTests : StoreTest
{
    [Fact]
    public void S1_ABatchIsCommittedAsOneRevision()
    {
        Fill(3);
        var before = Store.GetInfo("key00001"u8)!.Value;
        var batch = new WriteBatch().Put("a"u8, "1"u8).Delete("key00000"u8).Delete("never there"u8)
                                    .DeleteRange(KeyRange.Between(Utf8("key00002"), Utf8("key00003")))
                                    .Check("key00001"u8, Precondition.Revision(before.Revision))
                                    .Put("b"u8, "2"u8, Precondition.Absent);
        Assert.Equal(6, batch.Count);
        var revision = Store.Write(batch);
        Assert.Equal(before.Revision + 2, revision);
        Assert.Equal((revision, revision), (Store.Get("a"u8)!.Value.Revision, Store.Get("b"u8)!.Value.Revision));
        using var cursor = Store.Scan();
        Assert.Equal(["a", "b", "key00001"], KeysOf(cursor));
        batch.Clear();
        Assert.Equal(0, batch.Count);
    }

    [Fact]
    public void S1_OneConditionThatFailsRefusesAllAndTheBatchCanBeCommittedAgain()
    {
        var revision = Store.Put("k"u8, "1"u8);
        var batch = new WriteBatch().Put("other"u8, "x"u8).Put("k"u8, "2"u8, Precondition.Absent);
        Assert.Equal("KEY_EXISTS", Throws(BelayStatus.Aborted, () => Store.Write(batch)).Reason);
        Assert.Null(Store.Get("other"u8));
        Store.Delete("k"u8);
        Assert.Equal(revision + 2, Store.Write(batch));
        Assert.Equal(("x", "2"), (ValueOf(Store, "other"), ValueOf(Store, "k")));
    }

    [Fact]
    public void S1_AConditionLooksAtTheValueOrTheRevisionBefore()
    {
        var revision = Store.Put("k"u8, "1"u8);
        var isTwo = WriteOptions.OnlyIf(Precondition.Value(Utf8("2")));
        Assert.Equal("VALUE_MISMATCH", Throws(BelayStatus.Aborted, () => Store.Put("k"u8, "3"u8, isTwo)).Reason);
        Assert.Equal("VALUE_MISMATCH", Throws(BelayStatus.Aborted, () => Store.Delete("k"u8, isTwo)).Reason);
        var wrong = WriteOptions.OnlyIf(Precondition.Revision(revision + 7));
        Assert.Equal("REVISION_MISMATCH", Throws(BelayStatus.Aborted, () => Store.Put("k"u8, "3"u8, wrong)).Reason);
        Store.Put("k"u8, ""u8, WriteOptions.OnlyIf(Precondition.Value(Utf8("1"))));
        Store.Put("k"u8, "4"u8, WriteOptions.OnlyIf(Precondition.Value(default)));
        Assert.Equal("4", ValueOf(Store, "k"));
    }

    [Fact]
    public void S1_ABatchKeepsWhatItWasGiven()
    {
        byte[] key = [1], value = [2], expected = [3];
        Store.Put([1], [3]);
        var batch = new WriteBatch().Put(key, value, Precondition.Value(expected));
        key[0] = value[0] = expected[0] = 9;
        Store.Write(batch, Durability.Async);
        Assert.Equal([2], Store.Get([1])!.Value.Value);
    }

    [Fact]
    public void S1_ARangeIsDeletedInOneCommit()
    {
        Fill(10);
        var last = Store.Put("other"u8, "x"u8);
        Assert.Equal(new RangeDeletion(10, last + 1), Store.DeleteRange(KeyRange.Prefix(Utf8("key")), Durability.Async));
        Assert.Equal(new RangeDeletion(0, last + 1), Store.DeleteRange(KeyRange.Prefix(Utf8("key"))));
        Assert.Equal(new RangeDeletion(1, last + 2), Store.DeleteRange(KeyRange.All));
    }

    [Fact]
    public void S1_AKeyKnowsItsRevisionsAndVersion()
    {
        var created = Store.Put("k"u8, "1"u8);
        Store.Put("elsewhere"u8, ""u8);
        var changed = Store.Put("k"u8, "22"u8);
        Assert.Equal(new KeyInfo(2, created, changed, 2, null), Store.GetInfo("k"u8));
        Assert.Null(Store.GetInfo("none"u8));
    }

    [Fact]
    public void S1_SeveralKeysAreReadInTheOrderAskedFor()
    {
        Fill(5);
        var big = new byte[200_000];
        big.AsSpan().Fill(7);
        Store.Put("big"u8, big);
        var found = Store.GetMany([Utf8("key00003"), Utf8("none"), Utf8("big"), Utf8("key00000"), Utf8("key00000")]);
        Assert.Equal([true, false, true, true, true], found.Select(value => value != null));
        Assert.Equal(("value3", "value0", "value0"),
                     (Text(found[0]!.Value.Value), Text(found[3]!.Value.Value), Text(found[4]!.Value.Value)));
        Assert.Equal(big, found[2]!.Value.Value);
        Assert.Equal(Store.Get("key00003"u8)!.Value.Revision, found[0]!.Value.Revision);
        Assert.Empty(Store.GetMany([]));
    }

    [Fact]
    public void I7_WhatABatchCannotBeIsSaid()
    {
        var batch = new WriteBatch();
        Assert.Throws<ArgumentException>(() => batch.Check("k"u8, default));
        Assert.Throws<ArgumentException>(() => batch.Delete("k"u8, Precondition.Absent));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.Put("k"u8, "v"u8, default, TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => Precondition.Revision(0));
        Assert.Equal(0, batch.Count);
        Assert.Throws<ArgumentNullException>(() => Store.Write(null!));
        Throws(BelayStatus.InvalidArgument, () => Store.Write(new WriteBatch().Put([], "v"u8)));
        var twice = new WriteBatch().Put("k"u8, "1"u8).Delete("k"u8);
        Assert.Equal("DUPLICATE_KEY", Throws(BelayStatus.InvalidArgument, () => Store.Write(twice)).Reason);
        var mortal = new WriteOptions { TimeToLive = TimeSpan.FromSeconds(1) };
        Assert.Throws<ArgumentException>(() => Store.Delete("k"u8, mortal));
        Assert.Throws<ArgumentException>(() => Store.Delete("k"u8, WriteOptions.OnlyIf(Precondition.Absent)));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => Store.Put("k"u8, "v"u8, mortal with { TimeToLive = TimeSpan.FromSeconds(-1) }));
        Assert.Throws<ArgumentNullException>(() => Store.GetMany(null!));
        Throws(BelayStatus.InvalidArgument, () => Store.GetMany(new ReadOnlyMemory<byte>[10_001]));
    }
}
