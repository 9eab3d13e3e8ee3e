// Real brokers that are killed and come back, and lines that are cut: what a program sees of it (W3, W4, W5).
using System.Collections.Concurrent;
using Belay.Client.Tests.Support;

namespace Belay.Client.Tests.Broker;

public class RestartTests
{
    [BelaydFact]
    public async Task W3_after_a_restart_others_find_the_callbacks_and_the_store_asks_the_hooks_again()
    {
        var belayd = new Belayd();
        await belayd.InitializeAsync();
        try
        {
            var host = await belayd.ConnectAsync("host");
            var events = new Events(host);
            var changes = new ConcurrentQueue<string>();
            var seen = new SemaphoreSlim(0);
            using var echo = await host.RegisterAsync(
                (request, call) => new(request), new CallbackOptions { Name = "test.echo" });
            await using var validator = await host.Store.ValidateAsync(
                null, (batch, _) => batch.ToList().Exists(row => row.Key[0] == 'b') ? Verdict.Reject("no b") : default);
            await using var watch = await host.Store.WatchAsync(
                new WatchOptions { Name = "all" },
                (rows, _) =>
                {
                    foreach (var row in rows)
                        changes.Enqueue(System.Text.Encoding.UTF8.GetString(row.Key));
                    seen.Release();
                });
            await host.Store.PutAsync("a1"u8.ToArray(), default);
            await seen.WaitAsync(Patience.Token);

            await belayd.KillAsync();
            await events.NextAsync(SessionChange.Disconnected);
            var epoch = host.Epoch;
            await belayd.StartAsync();
            await events.NextAsync(SessionChange.Renewed);
            Assert.NotEqual(epoch, host.Epoch);

            var caller = await belayd.ConnectAsync("caller");
            using (var found = await caller.ResolveAsync("test.echo"))
                Assert.Equal("hi"u8.ToArray(), await found.InvokeAsync("hi"u8.ToArray()).Within());
            Assert.Equal("me"u8.ToArray(), await echo.InvokeAsync("me"u8.ToArray()).Within());
            var error = await Assert.ThrowsAsync<BelayException>(
                () => caller.Store.PutAsync("b1"u8.ToArray(), default).Within());
            Assert.Contains("no b", error.Message, StringComparison.Ordinal);
            await caller.Store.PutAsync("a2"u8.ToArray(), default);
            while (!changes.Contains("a2"))
                await seen.WaitAsync(Patience.Token);

            await watch.DisposeAsync();
            await validator.DisposeAsync();
            await echo.DisposeAsync();
            await Task.WhenAll(watch.Released, validator.Released, echo.Released).Within();
            Assert.Equal((0L, 0L), (host.Ledger.Live, host.Ledger.EndedAgain));
        }
        finally
        {
            await belayd.DisposeAsync();
        }
    }

    [BelaydFact]
    public async Task W3_W9_over_a_line_that_is_cut_every_call_runs_once_and_is_answered_once()
    {
        const int Cuts = 8;
        const int AtOnce = 32;
        var belayd = new Belayd();
        await belayd.InitializeAsync();
        await using var line = new CutProxy(belayd.Address);
        try
        {
            var lasting = new BelayClientOptions { Grace = TimeSpan.FromSeconds(30), Lease = TimeSpan.FromSeconds(15) };
            var host = await belayd.ConnectAsync("host", lasting, line.Address);
            var caller = await belayd.ConnectAsync("caller", lasting, line.Address);
            var (hostEvents, callerEvents) = (new Events(host), new Events(caller));
            var runs = new ConcurrentDictionary<int, int>();
            using var callback = await host.RegisterAsync(
                (request, _) =>
                {
                    runs.AddOrUpdate(BitConverter.ToInt32(request.Span), 1, (_, count) => count + 1);
                    return new(request);
                },
                new CallbackOptions { Name = "test.count" });
            using var found = await caller.ResolveAsync("test.count");
            var last = 0;
            var over = false;
            var callers = Enumerable.Range(0, AtOnce).Select(async _ =>
            {
                while (!Volatile.Read(ref over))
                {
                    var number = BitConverter.GetBytes(Interlocked.Increment(ref last));
                    Assert.Equal(number, await found.InvokeAsync(number).Within());
                }
            }).ToArray();
            for (var cut = 0; cut < Cuts; cut++)
            {
                var reached = Volatile.Read(ref last) + (10 * AtOnce);
                while (Volatile.Read(ref last) < reached && !callers.Any(c => c.IsFaulted))
                    await Task.Yield();
                line.Cut();
                foreach (var events in new[] { hostEvents, callerEvents })
                {
                    await events.NextAsync(SessionChange.Disconnected);
                    await events.NextAsync(SessionChange.Resumed);
                }
            }

            Volatile.Write(ref over, true);
            await Task.WhenAll(callers).Within();
            Assert.Equal(Enumerable.Range(1, last), runs.Keys.Order());
            Assert.All(runs.Values, count => Assert.Equal(1, count));
        }
        finally
        {
            await belayd.DisposeAsync();
        }
    }
}
