// Scans by page, scans that a filter ends, counts and estimates.
using static Belay.Tests.Support;

namespace Belay.Tests;

public sealed class RangeTests : StoreTest
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void S1_PagesFollowEachOtherInEitherDirection(bool reverse)
    {
        Fill(25);
        Store.Put("kex"u8, "before"u8);
        Store.Put("kez"u8, "behind"u8);
        var expected = Enumerable.Range(0, 25).Select(i => $"key{i:d5}");
        foreach (var all in new[]
                 {
                     new ScanOptions { Prefix = Utf8("key"), Reverse = reverse, Limit = 10 },
                     new ScanOptions { Start = Utf8("key"), End = Utf8("kez"), Reverse = reverse, Limit = 10 },
                 })
        {
            var seen = new List<string>();
            var after = default(ReadOnlyMemory<byte>);
            for (List<string>? page = null; page is not { Count: 0 };)
            {
                using var cursor = Store.Scan(all with { StartAfter = after });
                page = KeysOf(cursor);
                seen.AddRange(page);
                after = Utf8(seen[^1]);
            }
            Assert.Equal(reverse ? expected.Reverse() : expected, seen);
        }
    }

    [Fact]
    public void S1_APageThatBeginsOutsideItsRangeIsTheWholeRange()
    {
        Fill(3);
        var options = new ScanOptions { Prefix = Utf8("key") };
        using var forward = Store.Scan(options with { StartAfter = Utf8("a") });
        using var backward = Store.Scan(options with { StartAfter = Utf8("z"), Reverse = true });
        using var beyond = Store.Scan(options with { StartAfter = Utf8("z") });
        Assert.Equal(3, KeysOf(forward).Count);
        Assert.Equal(3, KeysOf(backward).Count);
        Assert.Empty(KeysOf(beyond));
        Assert.Throws<ArgumentException>(() => Store.Scan(options with { Start = Utf8("k"), StartAfter = Utf8("a") }));
    }

    [Fact]
    public void S1_APrefixEndsBeforeTheNextKeyThatDoesNotBeginSo()
    {
        Assert.Equal("b"u8.ToArray(), KeyRange.Prefix(Utf8("a")).End.ToArray());
        Assert.Equal([1, 3], KeyRange.Prefix(new byte[] { 1, 2, 0xff, 0xff }).End.ToArray());
        Assert.True(KeyRange.Prefix(new byte[] { 0xff }).End.IsEmpty);
        Store.Put([0xfe, 0xff], "x"u8);
        Store.Put([0xff], "x"u8);
        Store.Put([0xff, 0xff, 1], "x"u8);
        Assert.Equal(2ul, Store.Count(KeyRange.Prefix(new byte[] { 0xff })));
        Assert.Equal(1ul, Store.Count(KeyRange.Prefix(new byte[] { 0xfe })));
    }

    [Theory]
    [InlineData(false, 6)]
    [InlineData(true, 7)]
    public void S3_AFilterEndsTheScan(bool keepTheLast, int expected)
    {
        Fill(5000);
        var asked = 0;
        using var cursor = Store.Scan(null, row =>
        {
            asked++;
            return row.Key.SequenceEqual("key00006"u8)
                ? keepTheLast ? RowDecision.KeepAndEnd : RowDecision.End
                : true;
        });
        Assert.Equal(Enumerable.Range(0, expected).Select(i => $"key{i:d5}"), KeysOf(cursor));
        Assert.Equal(7, asked);
    }

    [Fact]
    public void S1_RangesAreCountedAndEstimated()
    {
        Fill(300);
        Assert.Equal(300ul, Store.Count());
        Assert.Equal(100ul, Store.Count(KeyRange.Prefix(Utf8("key001"))));
        Assert.Equal(50ul, Store.Count(KeyRange.Between(Utf8("key00050"), Utf8("key00100"))));
        Assert.Equal(250ul, Store.Count(KeyRange.Between(Utf8("key00050"), default)));
        Store.Flush();
        Store.Compact();
        var estimate = Store.Estimate();
        Assert.InRange(estimate.Keys, 1ul, 3000ul);
        Assert.NotEqual(0ul, estimate.SizeBytes);
        Assert.Equal(0ul, Store.Estimate(KeyRange.Prefix(Utf8("none"))).Keys);
    }
}
