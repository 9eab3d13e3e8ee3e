// Keys, batches, ranges, keyspaces and snapshots through IStore.
namespace Belay.StoreContract;

public abstract class DataContract(IStoreDoor door) : StoreContract(door)
{
    [StoreFact]
    public async Task S1_ABatchIsCommittedAllOrNothing()
    {
        await FillAsync(3);
        var before = (await Store.GetInfoAsync(Utf8("key00001")))!.Value;
        var batch = new WriteBatch().Put("a"u8, "1"u8, Precondition.Absent).Delete("key00000"u8).Delete("never there"u8)
                                    .DeleteRange(KeyRange.Between(Utf8("key00002"), Utf8("key00003")))
                                    .Check("key00001"u8, Precondition.Revision(before.Revision));
        var revision = await Store.WriteAsync(batch);
        Assert.Equal(revision, (await Store.GetAsync(Utf8("a")))!.Value.Revision);
        Assert.Equal(["a", "key00001"], await KeysAsync(Store.ScanAsync()));
        var again = new WriteBatch().Put("other"u8, "x"u8).Put("a"u8, "2"u8, Precondition.Absent);
        await ThrowsAsync(BelayStatus.Aborted, async () => await Store.WriteAsync(again), "KEY_EXISTS");
        Assert.Null(await Store.GetAsync(Utf8("other")));
        await Store.DeleteAsync(Utf8("a"));
        Assert.True(await Store.WriteAsync(again, Durability.Async) > revision);
        Assert.Equal("2", Text(await Store.GetAsync(Utf8("a"))));
    }

    [StoreFact]
    public async Task S1_AConditionThatDoesNotHoldRefusesTheWrite()
    {
        var revision = await Store.PutAsync(Utf8("k"), Utf8("1"), WriteOptions.OnlyIf(Precondition.Absent));
        foreach (var (condition, reason) in new[]
                 {
                     (Precondition.Value(Utf8("2")), "VALUE_MISMATCH"),
                     (Precondition.Revision(revision + 1), "REVISION_MISMATCH"),
                 })
        {
            var options = WriteOptions.OnlyIf(condition);
            await ThrowsAsync(BelayStatus.Aborted, async () => await Store.PutAsync(Utf8("k"), Utf8("3"), options), reason);
            await ThrowsAsync(BelayStatus.Aborted, async () => await Store.DeleteAsync(Utf8("k"), options), reason);
            foreach (var batch in new[]
                     {
                         new WriteBatch().Put("k"u8, "3"u8, condition),
                         new WriteBatch().Delete("k"u8, condition),
                         new WriteBatch().Check("k"u8, condition).Put("other"u8, "3"u8),
                     })
            {
                await ThrowsAsync(BelayStatus.Aborted, async () => await Store.WriteAsync(batch), reason);
            }
        }
        await ThrowsAsync(BelayStatus.Aborted, async () =>
            await Store.WriteAsync(new WriteBatch().Check("k"u8, Precondition.Absent)), "KEY_EXISTS");
        await Store.PutAsync(Utf8("k"), default, WriteOptions.OnlyIf(Precondition.Value(Utf8("1"))));
        await Store.WriteAsync(new WriteBatch().Put("k"u8, "4"u8, Precondition.Value(default)));
        revision = (await Store.GetAsync(Utf8("k")))!.Value.Revision;
        Assert.NotNull(await Store.DeleteAsync(Utf8("k"), WriteOptions.Async with { If = Precondition.Revision(revision) }));
        Assert.Null(await Store.DeleteAsync(Utf8("k")));
    }

    [StoreFact]
    public async Task S1_AKeyExpiresAsACommitThatWatchesSee()
    {
        var gone = new TaskCompletionSource<Row>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var watch = await Store.WatchAsync(null, (changes, _) =>
        {
            foreach (var change in changes)
            {
                if (change.Kind == RowKind.Delete)
                    gone.TrySetResult(change.ToRow());
            }
        });
        var now = DateTimeOffset.UtcNow;
        await Store.PutAsync(Utf8("k"), Utf8("1"), new WriteOptions { TimeToLive = TimeSpan.FromTicks(1) });
        await Store.WriteAsync(new WriteBatch().Put("later"u8, "1"u8, default, TimeSpan.FromHours(1)));
        var later = (await Store.GetInfoAsync(Utf8("later")))!.Value;
        Assert.InRange(later.ExpiresAt!.Value, now.AddMinutes(59), now.AddMinutes(61));
        var row = await gone.Task.WaitAsync(HangTimeout);
        Assert.Equal(("k", true), (Text(row.Key), row.Expired));
        Assert.Null(await Store.GetAsync(Utf8("k")));
    }

    [StoreFact]
    public async Task S1_KeysAreReadWithWhatTheyKnow()
    {
        var created = await Store.PutAsync(Utf8("k"), Utf8("1"));
        var changed = await Store.PutAsync(Utf8("k"), Utf8("22"));
        Assert.Equal(new KeyInfo(2, created, changed, 2, null), await Store.GetInfoAsync(Utf8("k")));
        Assert.Null(await Store.GetInfoAsync(Utf8("none")));
        await FillAsync(3);
        var found = await Store.GetManyAsync([Utf8("key00002"), Utf8("none"), Utf8("k"), Utf8("key00000"), Utf8("key00000")]);
        Assert.Equal(["value2", null, "22", "value0", "value0"], found.Select(Text));
        Assert.Equal(changed, found[2]!.Value.Revision);
        Assert.Empty(await Store.GetManyAsync([]));
    }

    [StoreFact]
    public async Task S1_PagesFollowEachOtherInEitherDirection()
    {
        await FillAsync(25);
        await Store.PutAsync(Utf8("kex"), Utf8("before"));
        await Store.PutAsync(Utf8("kez"), Utf8("behind"));
        var expected = Enumerable.Range(0, 25).Select(i => $"key{i:d5}").ToList();
        foreach (var reverse in new[] { false, true })
        {
            var options = new ScanOptions { Prefix = Utf8("key"), Reverse = reverse, Limit = 10 };
            var seen = new List<string>();
            for (List<string>? page = null; page is not { Count: 0 };)
            {
                page = await KeysAsync(Store.ScanAsync(options));
                seen.AddRange(page);
                options = options with { StartAfter = Utf8(seen[^1]) };
            }
            Assert.Equal(reverse ? Enumerable.Reverse(expected) : expected, seen);
        }
        Assert.Equal(25, (await KeysAsync(Store.ScanAsync(new ScanOptions { Prefix = Utf8("key"), StartAfter = Utf8("a") }))).Count);
        Assert.Equal(["kez"], await KeysAsync(Store.ScanAsync(new ScanOptions { StartAfter = Utf8("key00024") })));
    }

    [StoreFact]
    public async Task S1_RangesAreCountedAndDeleted()
    {
        await FillAsync(300);
        var last = await Store.PutAsync(Utf8("other"), Utf8("x"));
        Assert.Equal(301ul, await Store.CountAsync());
        Assert.Equal(100ul, await Store.CountAsync(KeyRange.Prefix(Utf8("key001"))));
        Assert.Equal(50ul, await Store.CountAsync(KeyRange.Between(Utf8("key00050"), Utf8("key00100"))));
        var deleted = await Store.DeleteRangeAsync(KeyRange.Prefix(Utf8("key")), Durability.Async);
        Assert.Equal(300ul, deleted.Count);
        Assert.True(deleted.Revision > last);
        Assert.Equal(0ul, (await Store.DeleteRangeAsync(KeyRange.Prefix(Utf8("key")))).Count);
        Assert.Equal(["other"], await KeysAsync(Store.ScanAsync()));
    }

    [StoreFact]
    public async Task S1_ASnapshotShowsOneMoment()
    {
        await FillAsync(2500);
        var revision = await Store.PutAsync(Utf8("k"), Utf8("old"));
        var snapshot = await Store.SnapshotAsync();
        Assert.Equal(revision, snapshot.Revision);
        await Store.PutAsync(Utf8("k"), Utf8("new"));
        await Store.DeleteRangeAsync(KeyRange.Prefix(Utf8("key")));
        Assert.Equal(("old", "new"), (Text(await snapshot.GetAsync(Utf8("k"))), Text(await Store.GetAsync(Utf8("k")))));
        Assert.Equal((2501ul, 1ul), (await snapshot.CountAsync(), await Store.CountAsync()));
        Assert.Equal("value1", Text((await snapshot.GetManyAsync([Utf8("key00001")]))[0]));
        Assert.Equal(revision, (await snapshot.GetInfoAsync(Utf8("k")))!.Value.Revision);
        var all = Enumerable.Range(0, 2500).Select(i => $"key{i:d5}").ToList();
        var keys = new ScanOptions { Prefix = Utf8("key") };
        Assert.Equal(all, await KeysAsync(snapshot.ScanAsync(keys)));
        Assert.Equal(Enumerable.Reverse(all).Take(1500),
                     await KeysAsync(snapshot.ScanAsync(keys with { Reverse = true, Limit = 1500, KeysOnly = true })));
        Assert.Equal(250, (await KeysAsync(snapshot.ScanAsync(null, row => row.Key[^1] == '7'))).Count);
        await snapshot.DisposeAsync();
        snapshot.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await snapshot.GetAsync(Utf8("k")));
    }

    [StoreFact]
    public async Task S1_KeyspacesHaveKeysOfTheirOwnAndShareRevisions()
    {
        var name = Space + "x";
        await ThrowsAsync(BelayStatus.NotFound, async () => await Store.OpenKeyspaceAsync(name), "NO_KEYSPACE");
        await using var other = await Store.CreateKeyspaceAsync(name);
        await using var same = await other.CreateKeyspaceAsync(name);
        await using var opened = await Store.OpenKeyspaceAsync(name);
        Assert.Equal((Space, name, name), (Store.Keyspace, same.Keyspace, opened.Keyspace));
        var revision = await Store.PutAsync(Utf8("k"), Utf8("here"));
        Assert.Equal(revision + 1, await other.PutAsync(Utf8("k"), Utf8("there")));
        Assert.Equal(("here", "there"), (Text(await Store.GetAsync(Utf8("k"))), Text(await opened.GetAsync(Utf8("k")))));
        await using var snapshot = await other.SnapshotAsync();
        Assert.Equal("there", Text(await snapshot.GetAsync(Utf8("k"))));
        var names = (await Store.ListKeyspacesAsync()).Select(info => info.Name).ToList();
        Assert.Contains(name, names);
        Assert.Contains("default", names);
        await Store.DropKeyspaceAsync(name);
        await ThrowsAsync(BelayStatus.NotFound, async () => await other.GetAsync(Utf8("k")), "NO_KEYSPACE");
        await ThrowsAsync(BelayStatus.NotFound, async () => await other.DeleteAsync(Utf8("k")), "NO_KEYSPACE");
        await ThrowsAsync(BelayStatus.NotFound, async () => await Store.DropKeyspaceAsync(name));
        await ThrowsAsync(BelayStatus.PermissionDenied, async () => await Store.OpenKeyspaceAsync("system"));
        await ThrowsAsync(BelayStatus.InvalidArgument, async () => await Store.CreateKeyspaceAsync("no spaces"));
    }

    [StoreFact]
    public async Task I7_BadInputIsNamed()
    {
        await ThrowsAsync(BelayStatus.InvalidArgument, async () => await Store.PutAsync(default, Utf8("v")));
        await ThrowsAsync(BelayStatus.InvalidArgument, async () => await Store.GetAsync(default));
        await ThrowsAsync(BelayStatus.InvalidArgument, async () => await Store.PutAsync(new byte[70_000], default), "LIMIT_EXCEEDED");
        var twice = new WriteBatch().Put("k"u8, "1"u8).Delete("k"u8);
        await ThrowsAsync(BelayStatus.InvalidArgument, async () => await Store.WriteAsync(twice), "DUPLICATE_KEY");
        await ThrowsAsync(BelayStatus.InvalidArgument, async () =>
            await Store.GetManyAsync(Enumerable.Repeat<ReadOnlyMemory<byte>>(Utf8("k"), 10_001).ToList()));
        await ThrowsAsync(BelayStatus.InvalidArgument, async () =>
            await KeysAsync(Store.ScanAsync(new ScanOptions { Prefix = Utf8("a"), Start = Utf8("a") })));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Store.WriteAsync(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Store.GetManyAsync(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Store.OpenKeyspaceAsync(null!));
        await Assert.ThrowsAsync<ArgumentException>(async () =>
            await Store.DeleteAsync(Utf8("k"), WriteOptions.OnlyIf(Precondition.Absent)));
        await Assert.ThrowsAsync<ArgumentException>(async () =>
            await Store.DeleteAsync(Utf8("k"), new WriteOptions { TimeToLive = TimeSpan.FromSeconds(1) }));
        Assert.Equal(0ul, await Store.CountAsync());
    }
}
