// Validators: what they see, and what becomes of a write by their verdict.
using static Belay.Tests.Support;

namespace Belay.Tests;

public sealed class ValidatorTests : StoreTest
{
    private static readonly ValidatorOptions Accounts = new() { Prefix = Utf8("account/"), Label = "accounts" };

    [Fact]
    public void S3_ARefusalIsOfTheWholeBatchAndTheWriterGetsItsText()
    {
        using var validator = Store.Validate(Accounts, (rows, _) =>
        {
            foreach (var row in rows)
            {
                if (row.Value.IsEmpty)
                    return Verdict.Reject("an account has a balance");
            }
            return Verdict.Accept;
        });
        var batch = new WriteBatch().Put("account/a"u8, "1"u8).Put("account/b"u8, ""u8).Put("other"u8, "x"u8);
        var refused = Throws(BelayStatus.FailedPrecondition, () => Store.Write(batch));
        Assert.Equal("REJECTED", refused.Reason);
        Assert.EndsWith("\"accounts\": an account has a balance", refused.Detail, StringComparison.Ordinal);
        Assert.Equal(0ul, Store.Count());
        Store.Put("account/a"u8, "1"u8);
        Store.Put("other"u8, ""u8);
        validator.Dispose();
        Store.Put("account/a"u8, ""u8);
    }

    [Fact]
    public void S3_AValidatorThatThrowsRefusesWithWhatItThrew()
    {
        using var validator = Store.Validate(null, (_, _) => throw new FormatException("not a number"));
        var refused = Throws(BelayStatus.FailedPrecondition, () => Store.Put("k"u8, "v"u8));
        Assert.EndsWith("System.FormatException: not a number", refused.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void S3_WhatAValidatorMakesOfAWriteIsCommitted()
    {
        using var validator = Store.Validate(Accounts, (rows, _) =>
        {
            var amended = new RowBlockWriter();
            foreach (var row in rows)
            {
                if (row.Kind == RowKind.Delete)
                    amended.Put(row.Key, "closed"u8);
                else if (!row.Value.SequenceEqual("drop me"u8))
                    amended.Put(row.Key, Utf8($"<{Text(row.Value)}>"));
            }
            amended.Delete("account/stale"u8);
            return Verdict.Amend(amended);
        });
        Store.Write(new WriteBatch().Put("account/a"u8, "1"u8).Put("account/b"u8, "drop me"u8).Delete("account/c"u8)
                                    .Put("other"u8, "x"u8));
        using var cursor = Store.Scan();
        Assert.True(cursor.Next(out var written));
        Assert.Equal(["account/a=<1>", "account/c=closed", "other=x"],
                     written.ToList().Select(row => $"{Text(row.Key)}={Text(row.Value)}"));
    }

    [Fact]
    public void S3_AValidatorSeesOldValuesIfItAsks()
    {
        var seen = new List<string>();
        var revision = Store.Put("account/a"u8, "1"u8);
        using var validator = Store.Validate(Accounts with { OldValues = true }, (rows, _) =>
        {
            foreach (var change in rows.Changes)
            {
                var old = change.Old.Exists ? $"{Text(change.Old.Value)}@{change.Old.Revision}" : "nothing";
                seen.Add($"{Text(change.Row.Key)}: {old} -> {change.Row.Kind} {Text(change.Row.Value)}");
            }
            return Verdict.Accept;
        });
        using var without = Store.Validate(Accounts, (rows, _) =>
        {
            foreach (var change in rows.Changes)
                Assert.False(change.Old.Exists);
            return Verdict.Accept;
        });
        Store.Write(new WriteBatch().Put("account/a"u8, "2"u8).Put("account/b"u8, "5"u8));
        Store.DeleteRange(KeyRange.Prefix(Utf8("account/b")));
        Assert.Equal([$"account/a: 1@{revision} -> Put 2", "account/b: nothing -> Put 5",
                      $"account/b: 5@{revision + 1} -> Delete "], seen);
    }

    [Fact]
    public void S3_AValidatorMayUseTheStore()
    {
        Store.Put("limit"u8, "3"u8);
        using var validator = Store.Validate(Accounts, (rows, _) =>
        {
            Store.Put("log"u8, Utf8($"asked about {rows.Count}"));
            foreach (var row in rows)
            {
                if (row.Value.Length > int.Parse(Text(Store.Get("limit"u8)!.Value.Value), System.Globalization.CultureInfo.InvariantCulture))
                    return Verdict.Reject("too long");
            }
            return Verdict.Accept;
        });
        Store.Put("account/a"u8, "123"u8);
        Throws(BelayStatus.FailedPrecondition, () => Store.Put("account/b"u8, "1234"u8));
        Assert.Equal("asked about 1", ValueOf(Store, "log"));
    }

    [Fact]
    public void R9_AValidatorThatWritesWhatItValidatesEndsAtTheRecursionLimit()
    {
        using var validator = Store.Validate(null, (rows, _) =>
        {
            Store.Put("again"u8, "1"u8);
            return Verdict.Accept;
        });
        var refused = Assert.Throws<BelayException>(() => Store.Put("k"u8, "v"u8));
        Assert.Contains("RECURSION_LIMIT", refused.ToString(), StringComparison.Ordinal);
        Assert.Equal(0ul, Store.Count());
    }

    [Fact]
    public void S3_ValidatorsAreAskedInTheirOrder()
    {
        var order = new List<string>();
        Subscription Add(string name, int priority) => Store.Validate(new ValidatorOptions { Priority = priority }, (_, _) =>
        {
            order.Add(name);
            return default;
        });
        using var last = Add("last", 2);
        using var first = Add("first", -1);
        using var middle = Add("middle", 0);
        Store.Put("k"u8, "v"u8);
        Assert.Equal(["first", "middle", "last"], order);
    }

    [Fact]
    public void S3_ARegisteredCallbackThatIsGoneIsNotAsked()
    {
        using var callback = Broker.Register((_, _, _) => throw new FormatException("no"), new CallbackOptions { Label = "own" });
        using var validator = Store.Validate(new ValidatorOptions { Timeout = TimeSpan.FromSeconds(5), FailOpen = true }, callback);
        Throws(BelayStatus.FailedPrecondition, () => Store.Put("k"u8, "v"u8));
        Assert.Throws<InvalidOperationException>(() => { _ = validator.Released; });
        callback.Unregister();
        callback.Drain(HangTimeout);
        Store.Put("k"u8, "v"u8);
    }

    [Fact]
    public void S3_AValidatorOfOneKeyspaceIsNotAskedAboutAnother()
    {
        using var jobs = Store.CreateKeyspace("jobs");
        using var validator = jobs.Validate(null, (_, _) => Verdict.Reject("none of these"));
        Store.Put("k"u8, "v"u8);
        Throws(BelayStatus.FailedPrecondition, () => jobs.Put("k"u8, "v"u8));
    }

    [Fact]
    public void I7_BadArgumentsAreNamed()
    {
        Assert.Throws<ArgumentNullException>(() => Store.Validate(null, (ValidateFunction)null!));
        Assert.Throws<ArgumentNullException>(() => Store.Validate(null, (Callback)null!));
        Assert.Throws<ArgumentNullException>(() => Verdict.Reject(null!));
        Assert.Throws<ArgumentNullException>(() => Verdict.Amend(null!));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => Store.Validate(new ValidatorOptions { Timeout = TimeSpan.FromSeconds(-1) }, (_, _) => default));
        Throws(BelayStatus.InvalidArgument,
               () => Store.Validate(new ValidatorOptions { Prefix = new byte[70_000] }, (_, _) => default));
    }
}
