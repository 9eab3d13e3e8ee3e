// Filters, watches, validators and updates through IStore; and how long what they close over lives.
using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Belay.StoreContract;

public abstract class HookContract(IStoreDoor door) : StoreContract(door)
{
    private const int Writers = 8;
    private const int PerWriter = 25;

    private static readonly ValidatorOptions Accounts = new() { Prefix = Utf8("account/"), Label = "accounts" };

    [StoreFact]
    public async Task S3_AFilterEndsTheScan()
    {
        await FillAsync(3000);
        var asked = 0;
        var kept = await KeysAsync(Store.ScanAsync(null, row =>
        {
            asked++;
            return row.Key.SequenceEqual("key00006"u8) ? RowDecision.KeepAndEnd : row.Key[^1] != '3';
        }));
        Assert.Equal(["key00000", "key00001", "key00002", "key00004", "key00005", "key00006"], kept);
        Assert.Equal(7, asked);
        Assert.Empty(await KeysAsync(Store.ScanAsync(null, _ => RowDecision.End)));
    }

    [StoreFact]
    public async Task S3_AProjectionGivesLessThanItIsShown()
    {
        await FillAsync(1000);
        var rows = new List<Row>();
        var scan = Store.ScanAsync(
            null,
            row => row.Key[^1] == '3',
            row => row.Key.SequenceEqual("key00023"u8)
                ? ProjectedRow.OfAndEnd(Utf8("last"))
                : row.Key[^2] == '0' ? ProjectedRow.Drop : ProjectedRow.Of(row.Key[^2..].ToArray()));
        await foreach (var row in scan)
            rows.Add(row);
        Assert.Equal(["key00013=13", "key00023=last"],
                     rows.Select(row => $"{Text(row.Key)}={Text(row.Value)}"));
    }

    [StoreFact]
    public async Task S3_MergesAreOneStepAloneAndInABatch()
    {
        var key = Utf8("count");
        var two = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(two, 2);
        var writers = Enumerable.Range(0, Writers).Select(async _ =>
        {
            for (var i = 0; i < PerWriter; i++)
                await Store.MergeAsync(key, "add_i64", two, WriteOptions.Async);
        });
        await Task.WhenAll(writers);
        var sum = (await Store.GetAsync(key))!.Value.Value;
        Assert.Equal(2L * Writers * PerWriter, BinaryPrimitives.ReadInt64LittleEndian(sum));

        var batch = new WriteBatch().Merge("log"u8, "append", "a"u8).Merge("best"u8, "max", "7"u8).Put("put"u8, "x"u8);
        var revision = await Store.WriteAsync(batch);
        Assert.Equal(revision, await Store.MergeAsync(Utf8("best"), "max", Utf8("3")));
        await Store.MergeAsync(Utf8("log"), "append", Utf8("b"), new WriteOptions { TimeToLive = TimeSpan.FromHours(1) });
        Assert.Equal("ab", Text(await Store.GetAsync(Utf8("log"))));
        Assert.NotNull((await Store.GetInfoAsync(Utf8("log")))!.Value.ExpiresAt);
        await ThrowsAsync(BelayStatus.NotFound, async () => await Store.MergeAsync(key, "nobody's", two), "NO_OPERATOR");
        await ThrowsAsync(BelayStatus.FailedPrecondition,
                          async () => await Store.MergeAsync(Utf8("put"), "add_i64", two), "NOT_MERGEABLE");
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.MergeAsync(
            key, "max", two, WriteOptions.OnlyIf(Precondition.Absent)));
    }

    [StoreFact]
    public async Task S3_ARefusalIsOfTheWholeBatchAndTheWriterGetsItsText()
    {
        var validator = await Store.ValidateAsync(Accounts, (rows, _) =>
        {
            foreach (var row in rows)
            {
                if (row.Value.IsEmpty)
                    return Verdict.Reject("an account has a balance");
            }
            return Verdict.Accept;
        });
        var batch = new WriteBatch().Put("account/a"u8, "1"u8).Put("account/b"u8, ""u8).Put("other"u8, "x"u8);
        var refused = await ThrowsAsync(BelayStatus.FailedPrecondition, async () => await Store.WriteAsync(batch), "REJECTED");
        Assert.EndsWith("\"accounts\": an account has a balance", refused.Detail, StringComparison.Ordinal);
        Assert.Equal(0ul, await Store.CountAsync());
        await Store.PutAsync(Utf8("account/a"), Utf8("1"));
        await Store.PutAsync(Utf8("other"), default);
        await validator.DisposeAsync();
        await Store.PutAsync(Utf8("account/a"), default);
    }

    [StoreFact]
    public async Task S3_AValidatorThatThrowsRefusesWithWhatItThrew()
    {
        await using var validator = await Store.ValidateAsync(null, (_, _) => throw new FormatException("not a number"));
        var refused = await ThrowsAsync(BelayStatus.FailedPrecondition,
                                        async () => await Store.PutAsync(Utf8("k"), Utf8("v")), "REJECTED");
        Assert.EndsWith("System.FormatException: not a number", refused.Detail, StringComparison.Ordinal);
    }

    [StoreFact]
    public async Task S3_WhatAValidatorMakesOfAWriteIsCommitted()
    {
        await using var validator = await Store.ValidateAsync(Accounts, (rows, _) =>
        {
            var amended = new RowBlockWriter();
            foreach (var row in rows)
            {
                if (!row.Value.SequenceEqual("drop me"u8))
                    amended.Put(row.Key, Utf8($"<{Text(row.Value)}>"));
            }
            amended.Delete("account/stale"u8);
            return Verdict.Amend(amended);
        });
        await Store.WriteAsync(new WriteBatch().Put("account/a"u8, "1"u8).Put("account/b"u8, "drop me"u8).Put("other"u8, "x"u8));
        Assert.Equal(["account/a", "other"], await KeysAsync(Store.ScanAsync()));
        Assert.Equal("<1>", Text(await Store.GetAsync(Utf8("account/a"))));
    }

    [StoreFact]
    public async Task S3_AValidatorSeesOldValuesIfItAsks()
    {
        var seen = new List<string>();
        var revision = await Store.PutAsync(Utf8("account/a"), Utf8("1"));
        await using var validator = await Store.ValidateAsync(Accounts with { OldValues = true }, (rows, _) =>
        {
            foreach (var change in rows.Changes)
            {
                var old = change.Old.Exists ? $"{Text(change.Old.Value)}@{change.Old.Revision}" : "nothing";
                seen.Add($"{Text(change.Row.Key)}: {old} -> {change.Row.Kind} {Text(change.Row.Value)}");
            }
            return Verdict.Accept;
        });
        var next = await Store.WriteAsync(new WriteBatch().Put("account/a"u8, "2"u8).Put("account/b"u8, "5"u8));
        await Store.DeleteRangeAsync(KeyRange.Prefix(Utf8("account/b")));
        Assert.Equal([$"account/a: 1@{revision} -> Put 2", "account/b: nothing -> Put 5", $"account/b: 5@{next} -> Delete "], seen);
    }

    [StoreFact]
    public async Task S3_AValidatorMayReadThroughTheStoreThatAsksIt()
    {
        await Store.PutAsync(Utf8("longest"), Utf8("333"));
        await using var validator = await Store.ValidateAsync(Accounts, (rows, _) =>
        {
            // Waits on its thread, as a validator has to.
            var longest = Store.GetAsync(Utf8("longest")).AsTask().GetAwaiter().GetResult()!.Value.Value.Length;
            foreach (var row in rows)
            {
                if (row.Value.Length > longest)
                    return Verdict.Reject("too long");
            }
            return Verdict.Accept;
        });
        await Store.PutAsync(Utf8("account/a"), Utf8("123"));
        await ThrowsAsync(BelayStatus.FailedPrecondition, async () => await Store.PutAsync(Utf8("account/b"), Utf8("1234")));
    }

    [StoreFact]
    public async Task S3_ValidatorsAreAskedInTheirOrderAboutTheirKeyspace()
    {
        var order = new List<string>();
        ValueTask<ISubscription> Add(string name, int priority) =>
            Store.ValidateAsync(new ValidatorOptions { Priority = priority, FailOpen = true, Timeout = HangTimeout }, (_, _) =>
            {
                order.Add(name);
                return default;
            });
        await using var last = await Add("last", 2);
        await using var first = await Add("first", -1);
        await using var other = await Store.CreateKeyspaceAsync(Space + "y");
        await other.PutAsync(Utf8("k"), Utf8("v"));
        await Store.PutAsync(Utf8("k"), Utf8("v"));
        Assert.Equal(["first", "last"], order);
    }

    [StoreFact]
    public async Task S3_NoIncrementIsLostAmongWriters()
    {
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < PerWriter;)
            {
                try
                {
                    await Store.UpdateAsync(Utf8("n"), Increment, new UpdateOptions { Durability = Durability.Async });
                    i++;
                }
                catch (BelayException exception) when (exception.Reason == "TOO_MANY_CONFLICTS")
                {
                    // Nothing was written: once more.
                }
            }
        }))).WaitAsync(HangTimeout);
        var counted = (await Store.GetAsync(Utf8("n")))!.Value;
        Assert.Equal(Writers * PerWriter, BinaryPrimitives.ReadInt64LittleEndian(counted.Value));
        Assert.Equal((ulong)(Writers * PerWriter), (await Store.GetInfoAsync(Utf8("n")))!.Value.Version);
    }

    [StoreFact]
    public async Task S3_AnUpdateMayDeleteOrLeaveAKeyOrFail()
    {
        var revision = await Store.PutAsync(Utf8("k"), Utf8("1"));
        await Store.UpdateAsync(Utf8("k"), (_, _) => NextValue.Unchanged);
        Assert.Equal(revision, (await Store.GetAsync(Utf8("k")))!.Value.Revision);
        var failed = await ThrowsAsync(BelayStatus.CallbackFailed,
                                       async () => await Store.UpdateAsync(Utf8("k"), (_, _) => throw new FormatException("odd")));
        Assert.Contains("System.FormatException: odd", failed.Message, StringComparison.Ordinal);
        await Store.UpdateAsync(Utf8("k"), (current, _) => current.Revision == revision ? NextValue.Deleted : default);
        Assert.Null(await Store.GetAsync(Utf8("k")));
        await Store.UpdateAsync(Utf8("k"), (current, _) => NextValue.Put(Utf8(current.Exists ? "there" : "not there")),
                                new UpdateOptions { Timeout = HangTimeout });
        Assert.Equal("not there", Text(await Store.GetAsync(Utf8("k"))));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Store.UpdateAsync(Utf8("k"), null!));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Store.ValidateAsync(null, null!));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Store.WatchAsync(null, null!));
    }

    [StoreFact]
    public async Task R3_ClosuresLiveUntilTheirHooksAreDetached()
    {
        var called = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var (watch, watched) = await AttachWatchAsync(called);
        var (validator, validated) = await AttachValidatorAsync();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        await Store.PutAsync(Utf8("k"), Utf8("1"));
        Assert.True(await called.Task.WaitAsync(HangTimeout));
        Assert.True(watched.IsAlive && validated.IsAlive);
        Assert.False(watch.Released.IsCompleted || validator.Released.IsCompleted);
        await watch.DisposeAsync();
        validator.Dispose();
        await Task.WhenAll(watch.Released, validator.Released).WaitAsync(HangTimeout);
        await AssertCollectedAsync(watched);
        await AssertCollectedAsync(validated);
    }

    [StoreFact]
    public async Task R3_TheClosuresOfUpdatesAndFiltersLiveAsLongAsTheseTake()
    {
        await AssertCollectedAsync(await UpdateAsync());
        await AssertCollectedAsync(await FilterAsync());
    }

    private static NextValue Increment(CurrentValue current, CallContext call)
    {
        var next = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(next, current.Exists ? BinaryPrimitives.ReadInt64LittleEndian(current.Value) + 1 : 1);
        return NextValue.Put(next);
    }

    // Each in a method of its own, so that what the function captures lives nowhere but in it.

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<(ISubscription, WeakReference)> AttachWatchAsync(TaskCompletionSource<bool> called)
    {
        var captured = new Captured();
        return (await Store.WatchAsync(null, (_, _) => called.TrySetResult(captured.IsWhole)), new WeakReference(captured));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<(ISubscription, WeakReference)> AttachValidatorAsync()
    {
        var captured = new Captured();
        var validator = await Store.ValidateAsync(
            null, (_, _) => captured.IsWhole ? Verdict.Accept : Verdict.Reject("freed too early"));
        return (validator, new WeakReference(captured));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<WeakReference> UpdateAsync()
    {
        var captured = new Captured();
        await Store.UpdateAsync(Utf8("u"), (_, _) => NextValue.Put(Utf8($"{captured.IsWhole}")));
        Assert.Equal("True", Text(await Store.GetAsync(Utf8("u"))));
        return new WeakReference(captured);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<WeakReference> FilterAsync()
    {
        var captured = new Captured();
        Assert.Single(await KeysAsync(Store.ScanAsync(null, _ => captured.IsWhole)));
        return new WeakReference(captured);
    }
}
