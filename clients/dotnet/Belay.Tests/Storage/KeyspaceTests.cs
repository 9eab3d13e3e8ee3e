// Keyspaces and snapshots.
using static Belay.Tests.Support;

namespace Belay.Tests;

public sealed class KeyspaceTests : StoreTest
{
    [Fact]
    public void S1_KeyspacesHaveKeysOfTheirOwnAndShareRevisions()
    {
        Assert.Equal("NO_KEYSPACE", Throws(BelayStatus.NotFound, () => Store.OpenKeyspace("jobs")).Reason);
        using var jobs = Store.CreateKeyspace("jobs");
        using var again = jobs.OpenKeyspace("jobs");
        Assert.Equal(("default", "jobs"), (Store.Keyspace, again.Keyspace));
        var revision = Store.Put("k"u8, "default"u8);
        Assert.Equal(revision + 1, jobs.Put("k"u8, "job"u8));
        Assert.Equal(("default", "job"), (ValueOf(Store, "k"), ValueOf(again, "k")));
        Assert.Equal(["default", "jobs", "system"], Store.ListKeyspaces().Select(info => info.Name));
        Assert.Equal(3, Store.ListKeyspaces().Select(info => info.Id).Distinct().Count());
    }

    [Fact]
    public void S1_HandlesToADroppedKeyspaceNeverLeadToAnotherOfItsName()
    {
        var old = Store.CreateKeyspace("jobs");
        old.Put("k"u8, "1"u8);
        Store.DropKeyspace("jobs");
        using var later = Store.CreateKeyspace("jobs");
        later.Put("k"u8, "2"u8);
        // Not "no such key": the keyspace is what is gone.
        Assert.Equal("NO_KEYSPACE", Throws(BelayStatus.NotFound, () => old.Get("k"u8)).Reason);
        Assert.Equal("NO_KEYSPACE", Throws(BelayStatus.NotFound, () => old.GetInfo("k"u8)).Reason);
        Assert.Equal("NO_KEYSPACE", Throws(BelayStatus.NotFound, () => old.Delete("k"u8)).Reason);
        Assert.Equal("NO_KEYSPACE", Throws(BelayStatus.NotFound, () => old.Put("k"u8, "3"u8)).Reason);
        Assert.Equal("2", ValueOf(later, "k"));
        old.Dispose();
        Assert.Throws<ObjectDisposedException>(() => old.Get("k"u8));
    }

    [Fact]
    public void S1_MoreKeyspacesThanOneListingHolds()
    {
        var names = Enumerable.Range(0, 20).Select(i => $"space{i:d2}").ToArray();
        foreach (var name in names)
            Store.CreateKeyspace(name).Dispose();
        Assert.Equal(names, Store.ListKeyspaces().Select(info => info.Name).Where(name => name.StartsWith("space", StringComparison.Ordinal)));
    }

    [Fact]
    public void I7_BadKeyspacesAreNamed()
    {
        Assert.Throws<ArgumentNullException>(() => Store.OpenKeyspace(null!));
        Assert.Throws<ArgumentNullException>(() => Store.DropKeyspace(null!));
        Throws(BelayStatus.InvalidArgument, () => Store.CreateKeyspace("no spaces"));
        Throws(BelayStatus.InvalidArgument, () => Store.CreateKeyspace(""));
        Throws(BelayStatus.PermissionDenied, () => Store.OpenKeyspace("system"));
        Throws(BelayStatus.FailedPrecondition, () => Store.DropKeyspace("default"));
        Throws(BelayStatus.NotFound, () => Store.DropKeyspace("none"));
    }

    [Fact]
    public void S1_ASnapshotShowsOneMoment()
    {
        Fill(3);
        var revision = Store.Put("k"u8, "old"u8);
        using var snapshot = Store.Snapshot();
        Store.Put("k"u8, "new"u8);
        Store.DeleteRange(KeyRange.Prefix(Utf8("key")));
        Assert.Equal(revision, snapshot.Revision);
        Assert.Equal(("old", "new"), (ValueOf(snapshot, "k"), ValueOf(Store, "k")));
        Assert.Equal((4ul, 1ul), (snapshot.Count(), Store.Count()));
        Assert.Equal("value1", Text(snapshot.GetMany([Utf8("key00001")])[0]!.Value.Value));
        Assert.Equal(revision, snapshot.GetInfo("k"u8)!.Value.Revision);
        using var cursor = snapshot.Scan(null, row => row.Key[0] == 'k' && row.Key.Length > 1);
        Assert.Same(snapshot, cursor.Store);
        snapshot.Dispose();
        snapshot.Dispose();
        Assert.Equal(3, KeysOf(cursor).Count);
        Assert.Throws<ObjectDisposedException>(() => snapshot.Get("k"u8));
    }

    [Fact]
    public void TheBrokersOwnStoreStaysOpenForOthers()
    {
        Store.Dispose();
        Assert.NotEqual(0ul, Store.Put("k"u8, "1"u8));
    }
}
