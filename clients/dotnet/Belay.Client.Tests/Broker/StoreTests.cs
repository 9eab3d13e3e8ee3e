// The store through a real belayd: keys, scans with and without filters, watches.
using System.Text;
using System.Threading.Channels;
using Belay.Client.Tests.Support;

namespace Belay.Client.Tests.Broker;

public class StoreTests(Belayd belayd) : IClassFixture<Belayd>
{
    [BelaydFact]
    public async Task Keys_are_written_read_and_deleted_with_conditions()
    {
        var store = (await belayd.ConnectAsync()).Store;
        Assert.Null(await store.GetAsync(Bytes("kv/a")));
        var first = await store.PutAsync(Bytes("kv/a"), Bytes("1"));
        Assert.Equal(first, (await store.GetAsync(Bytes("kv/a")))!.Value.Revision);
        var error = await Assert.ThrowsAsync<BelayException>(
            () => store.PutAsync(Bytes("kv/a"), Bytes("2"), WriteOptions.OnlyIf(Precondition.Absent)).AsTask());
        Assert.Equal(BelayStatus.Aborted, error.Status);
        var second = await store.PutAsync(
            Bytes("kv/a"), Bytes("2"), WriteOptions.Async with { If = Precondition.Revision(first) });
        Assert.True(second > first);
        Assert.Equal(Bytes("2"), (await store.GetAsync(Bytes("kv/a")))!.Value.Value);
        Assert.True(await store.DeleteAsync(Bytes("kv/a")) > second);
        Assert.Null(await store.DeleteAsync(Bytes("kv/a")));
        error = await Assert.ThrowsAsync<BelayException>(() => store.PutAsync(default, Bytes("x")).AsTask());
        Assert.Equal(BelayStatus.InvalidArgument, error.Status);
    }

    [BelaydFact]
    public async Task A_filter_picks_the_rows_of_a_scan_and_is_let_go_after_it()
    {
        var client = await belayd.ConnectAsync();
        await FillAsync(client, "scan", 2000);
        var least = 1500; // captured
        var kept = new List<Row>();
        RowFilter atLeast = row => int.Parse(Encoding.UTF8.GetString(row.Value)) >= least;
        await foreach (var row in client.Store.ScanAsync(Prefix("scan/"), atLeast, Patience.Token))
            kept.Add(row);
        Assert.Equal(Enumerable.Range(1500, 500), kept.Select(r => int.Parse(Encoding.UTF8.GetString(r.Value))));
        Assert.Empty(await belayd.CallbacksOfAsync(client));

        await using var filter = await client.RegisterFilterAsync(
            row => row.Key[^1] == '7', new CallbackOptions { Label = "sevens" });
        for (var i = 0; i < 3; i++)
            Assert.Equal(
                200, await CountAsync(((RemoteStore)client.Store).ScanAsync(Prefix("scan/"), filter, Patience.Token)));
    }

    [BelaydFact]
    public async Task A_scan_without_a_filter_has_ranges_orders_and_limits()
    {
        var client = await belayd.ConnectAsync();
        await FillAsync(client, "range", 100);
        Assert.Equal(100, await CountAsync(client.Store.ScanAsync(Prefix("range/"))));
        var options = Prefix("range/") with { Reverse = true, KeysOnly = true, Limit = 3 };
        var rows = new List<Row>();
        await foreach (var row in client.Store.ScanAsync(options))
            rows.Add(row);
        Assert.Equal(["range/00099", "range/00098", "range/00097"], rows.Select(r => Encoding.UTF8.GetString(r.Key)));
        Assert.All(rows, r => Assert.Empty(r.Value));
        var range = new ScanOptions { Start = Bytes("range/00010"), End = Bytes("range/00020") };
        Assert.Equal(10, await CountAsync(client.Store.ScanAsync(range)));
        await foreach (var row in client.Store.ScanAsync(Prefix("range/")))
            break; // leaving early harms nobody
        Assert.Equal(100, await CountAsync(client.Store.ScanAsync(Prefix("range/"))));
    }

    [BelaydFact]
    public async Task A_filter_that_throws_fails_the_scan_and_keeps_nothing_by_default()
    {
        var client = await belayd.ConnectAsync();
        await FillAsync(client, "throws", 10);
        var error = await Assert.ThrowsAsync<BelayException>(
            () => CountAsync(client.Store.ScanAsync(Prefix("throws/"), _ => throw new FormatException("odd row"))));
        Assert.Equal((BelayStatus.CallbackFailed, "FORMAT_EXCEPTION"), (error.Status, error.Reason));
        Assert.Empty(await belayd.CallbacksOfAsync(client));
    }

    [BelaydFact]
    public async Task A_slow_reader_of_filtered_rows_fails_alone_when_its_bound_is_reached()
    {
        await using var client = await BelayClient.ConnectAsync(
            belayd.Address, new BelayClientOptions { MaxUnreadScanBytes = 100_000 });
        for (var i = 0; i < 50; i++)
            await client.Store.PutAsync(Bytes($"slow/{i:d5}"), new byte[100_000], WriteOptions.Async);
        var error = await Assert.ThrowsAsync<BelayException>(
            () => CountAsync(client.Store.ScanAsync(Prefix("slow/"), _ => true)));
        Assert.Equal((BelayStatus.ResourceExhausted, "SCAN_READER_TOO_SLOW"), (error.Status, error.Reason));
        Assert.Equal(50, await CountAsync(client.Store.ScanAsync(Prefix("slow/"))));
    }

    [BelaydFact]
    public async Task A_watch_sees_each_change_in_order_and_ends_when_detached()
    {
        var watcher = await belayd.ConnectAsync("watcher");
        var writer = await belayd.ConnectAsync("writer");
        var seen = Channel.CreateUnbounded<Row>();
        var subscription = await watcher.Store.WatchAsync(
            new WatchOptions { Prefix = Bytes("watch/") },
            (changes, _) =>
            {
                foreach (var change in changes)
                    seen.Writer.TryWrite(change.ToRow());
            });
        var revisions = new List<ulong> { await writer.Store.PutAsync(Bytes("watch/a"), Bytes("1")) };
        await writer.Store.PutAsync(Bytes("other"), Bytes("x"));
        revisions.Add(await writer.Store.PutAsync(Bytes("watch/b"), Bytes("2")));
        revisions.Add((await writer.Store.DeleteAsync(Bytes("watch/a")))!.Value);

        var rows = new List<Row>();
        while (rows.Count < 3)
        {
            var row = await seen.Reader.ReadAsync(Patience.Token);
            if (rows.Count == 0 || row.Revision > rows[^1].Revision) // at least once
                rows.Add(row);
        }

        Assert.Equal(revisions, rows.Select(r => r.Revision));
        Assert.Equal([RowKind.Put, RowKind.Put, RowKind.Delete], rows.Select(r => r.Kind));
        Assert.Equal("watch/b", Encoding.UTF8.GetString(rows[1].Key));
        Assert.False(subscription.Released.IsCompleted);
        await subscription.DisposeAsync();
        await subscription.Released.Within();
        Assert.Empty(await belayd.CallbacksOfAsync(watcher));
    }

    [BelaydFact]
    public async Task A_watch_function_that_throws_gets_the_same_changes_again()
    {
        var client = await belayd.ConnectAsync();
        var calls = Channel.CreateUnbounded<ulong>();
        var failures = 2;
        await using var subscription = await client.Store.WatchAsync(
            new WatchOptions { Prefix = Bytes("again/") },
            (changes, _) =>
            {
                foreach (var change in changes)
                    calls.Writer.TryWrite(change.Revision);
                if (failures-- > 0)
                    throw new IOException("not now");
            });
        var revision = await client.Store.PutAsync(Bytes("again/a"), Bytes("1"));
        for (var i = 0; i < 3; i++)
            Assert.Equal(revision, await calls.Reader.ReadAsync(Patience.Token));
    }

    private static async Task FillAsync(BelayClient client, string prefix, int count)
    {
        var writes = Enumerable.Range(0, count).Select(i =>
            client.Store.PutAsync(
                Bytes($"{prefix}/{i:d5}"), Bytes($"{i}"), WriteOptions.Async).AsTask());
        await Task.WhenAll(writes).Within();
    }

    private static async Task<int> CountAsync(IAsyncEnumerable<Row> rows)
    {
        var count = 0;
        await foreach (var row in rows)
            count++;
        return count;
    }

    private static ScanOptions Prefix(string prefix) => new() { Prefix = Bytes(prefix) };

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
