// Callbacks through a real belayd: found, called, refused and let go, between two sessions.
using System.Buffers;
using Belay.Client.Tests.Support;

namespace Belay.Client.Tests.Broker;

public class CallbackTests(Belayd belayd) : IClassFixture<Belayd>
{
    [BelaydFact]
    public async Task A_callback_is_found_by_name_and_called_from_another_session()
    {
        var host = await belayd.ConnectAsync("host");
        var caller = await belayd.ConnectAsync("caller");
        string? seen = null;
        await using var greet = await host.RegisterAsync(
            (request, reply, call) =>
            {
                seen = call.Caller;
                reply.Write("hello, "u8);
                reply.Write(request);
            },
            new CallbackOptions { Name = "test.greet", Label = "greets" });
        await using var found = await caller.ResolveAsync("test.greet");
        Assert.Equal("hello, you"u8.ToArray(), await found.InvokeAsync("you"u8.ToArray()));
        Assert.Equal(caller.Name, seen);
        var handles = await belayd.CallbacksOfAsync(host);
        Assert.Equal(3, handles.Count); // ours, the caller's and the name's
        Assert.All(handles, h => Assert.Equal(
            ("greets", "test.greet", 1ul, host.Name), (h.Label, h.Name, h.Calls, h.Owner)));
        Assert.All(handles, h => Assert.StartsWith("CallbackTests.cs:", h.Site, StringComparison.Ordinal));
        Assert.Single(handles, h => h.Holder == caller.Name);
        Assert.Single(handles, h => h.Handle != 0 && h.Holder == host.Name);
    }

    [BelaydFact]
    public async Task One_interface_both_doors()
    {
        await using IBroker broker = await BelayClient.ConnectAsync(belayd.Address);
        await using var callback = await broker.RegisterAsync((request, _) => ValueTask.FromResult(request));
        await using var second = await callback.RetainAsync();
        Assert.NotEqual(callback.Handle, second.Handle);
        Assert.Equal(new byte[] { 1, 2 }, await second.InvokeAsync(new byte[] { 1, 2 }));
        await callback.DisposeAsync();
        Assert.Empty(await second.InvokeAsync(default));
        await second.UnregisterAsync();
        await second.DrainAsync().Within();
        Assert.True(second.Released.IsCompletedSuccessfully);
    }

    [BelaydFact]
    public async Task Unknown_and_taken_names_are_told()
    {
        var host = await belayd.ConnectAsync("host");
        var other = await belayd.ConnectAsync("other");
        var error = await Assert.ThrowsAsync<BelayException>(() => other.ResolveAsync("test.nobody").AsTask());
        Assert.Equal(BelayStatus.NotFound, error.Status);
        await using var first = await host.RegisterAsync(Echo, new CallbackOptions { Name = "test.taken" });
        var probe = new Probe();
        error = await Assert.ThrowsAsync<BelayException>(
            () => other.RegisterAsync(Echo, new CallbackOptions { Name = "test.taken", Owned = probe }).AsTask());
        Assert.Equal(BelayStatus.AlreadyExists, error.Status);
        await probe.Disposed.Within(); // R3: also when registration fails
        await first.ReleaseAsync();
        await first.Released.Within();
        await using var again = await other.RegisterAsync(Echo, new CallbackOptions { Name = "test.taken" });
    }

    [BelaydFact]
    public async Task R9_what_a_callback_throws_reaches_its_caller()
    {
        var host = await belayd.ConnectAsync("host");
        var caller = await belayd.ConnectAsync("caller");
        await using var callback = await host.RegisterAsync(
            (_, _, _) => throw new InvalidOperationException("boom \u20ac"),
            new CallbackOptions { Name = "test.throws" });
        await using var found = await caller.ResolveAsync("test.throws");
        var error = await Assert.ThrowsAsync<BelayException>(() => found.InvokeAsync(default).AsTask());
        Assert.Equal(
            (BelayStatus.CallbackFailed, "INVALID_OPERATION_EXCEPTION",
             "System.InvalidOperationException: boom \u20ac", CallCertainty.Started),
            (error.Status, error.Reason, error.Detail, error.Certainty));
    }

    [BelaydFact]
    public async Task R4_stale_unregistered_and_lost_callbacks_are_refused_each_by_its_name()
    {
        var host = await belayd.ConnectAsync("host");
        var caller = await belayd.ConnectAsync("caller");
        await using var first = await host.RegisterAsync(Echo, new CallbackOptions { Name = "test.first" });
        await using var second = await host.RegisterAsync(Echo, new CallbackOptions { Name = "test.second" });
        var stale = await caller.ResolveAsync("test.first");
        await using var unregistered = await caller.ResolveAsync("test.first");
        await using var lost = await caller.ResolveAsync("test.second");

        await stale.ReleaseAsync();
        Assert.Equal(BelayStatus.Stale, await StatusAsync(caller, stale.Handle));
        Assert.Equal(BelayStatus.Malformed, await StatusAsync(caller, 0xdeadbeef));
        await first.UnregisterAsync();
        Assert.Equal(BelayStatus.Unregistered, await StatusAsync(caller, unregistered.Handle));
        await host.DisposeAsync();
        Assert.Equal(BelayStatus.HostLost, await StatusAsync(caller, lost.Handle));

        static async Task<BelayStatus> StatusAsync(BelayClient client, ulong handle)
        {
            var error = await Assert.ThrowsAsync<BelayException>(
                () => client.Session.Calls.InvokeAsync(handle, default, null, default).AsTask());
            Assert.Equal(CallCertainty.NotSent, error.Certainty);
            return error.Status;
        }
    }

    [BelaydFact]
    public async Task W4_the_hosts_death_answers_its_callers_at_once()
    {
        var host = await belayd.ConnectAsync("host");
        var caller = await belayd.ConnectAsync("caller");
        var entered = new TaskCompletionSource();
        var leave = new TaskCompletionSource<ReadOnlyMemory<byte>>();
        var probe = new Probe();
        var callback = await host.RegisterAsync(
            (_, _) =>
            {
                entered.TrySetResult();
                return new ValueTask<ReadOnlyMemory<byte>>(leave.Task);
            },
            new CallbackOptions { Name = "test.dies", Owned = probe });
        await using var found = await caller.ResolveAsync("test.dies");
        var call = found.InvokeAsync(default).AsTask();
        await entered.Task.Within();
        host.Dispose();
        var error = await Assert.ThrowsAsync<BelayException>(() => call.Within());
        Assert.Equal((BelayStatus.HostLost, CallCertainty.SentUnknown), (error.Status, error.Certainty));
        Assert.Equal(0, probe.Count); // W5: the call still runs here
        leave.SetResult(default);
        await callback.Released.Within();
        Assert.Equal(1, probe.Count);
    }

    [BelaydFact]
    public async Task W5_released_in_flight_the_call_finishes_then_released_then_disposed_then_freed()
    {
        var host = await belayd.ConnectAsync("host");
        var caller = await belayd.ConnectAsync("caller");
        var events = new System.Collections.Concurrent.ConcurrentQueue<string>();
        var entered = new TaskCompletionSource();
        var leave = new TaskCompletionSource();
        var (callback, captured) = await RegisterAsync();
        var found = await caller.ResolveAsync("test.inflight");
        var call = found.InvokeAsync(default).AsTask();
        await entered.Task.Within();

        await callback.ReleaseAsync();
        await found.ReleaseAsync();
        await host.PingAsync();
        await caller.PingAsync();
        Assert.Empty(events);
        Assert.False(callback.Released.IsCompleted);
        Assert.Equal(1, host.Session.Hosting.Count);

        leave.SetResult();
        Assert.Equal("done"u8.ToArray(), await call.Within());
        await callback.Released.Within();
        events.Enqueue("freed");
        Assert.Equal(["call finished", "disposed", "freed"], events);
        Assert.Equal((0, 0L), (host.Session.Hosting.Count, host.Ledger.Live));
        Assert.Empty(await belayd.CallbacksOfAsync(host));
        await Collected.WithinAsync(captured);

        // In a method of its own: what it captures must not live on in this one's state.
        async Task<(RemoteCallback Callback, WeakReference Captured)> RegisterAsync()
        {
            var state = new byte[1024];
            var probe = new Probe { OnDispose = () => events.Enqueue("disposed") };
            var registered = await host.RegisterAsync(
                async (_, _) =>
                {
                    entered.SetResult();
                    await leave.Task;
                    Assert.Equal(1024, state.Length);
                    events.Enqueue("call finished");
                    return "done"u8.ToArray();
                },
                new CallbackOptions { Name = "test.inflight", Owned = probe });
            return (registered, new WeakReference(state));
        }
    }

    [BelaydFact]
    public async Task W6_deadlines_and_cancellation_travel_to_the_host()
    {
        var host = await belayd.ConnectAsync("host");
        var caller = await belayd.ConnectAsync("caller");
        var left = System.Threading.Channels.Channel.CreateUnbounded<TimeSpan?>();
        var entered = System.Threading.Channels.Channel.CreateUnbounded<bool>();
        await using var callback = await host.RegisterAsync(
            async (_, call) =>
            {
                var time = call.TimeLeft;
                entered.Writer.TryWrite(true);
                try
                {
                    await Task.Delay(Timeout.Infinite, call.Cancellation);
                }
                finally
                {
                    left.Writer.TryWrite(time);
                }

                return default;
            },
            new CallbackOptions { Name = "test.waits" });
        await using var found = await caller.ResolveAsync("test.waits");

        var error = await Assert.ThrowsAsync<BelayException>(
            () => found.InvokeAsync(default, TimeSpan.FromMilliseconds(300)).Within());
        Assert.Equal(BelayStatus.DeadlineExceeded, error.Status);
        await entered.Reader.ReadAsync(Patience.Token);
        Assert.InRange(
            (await left.Reader.ReadAsync(Patience.Token))!.Value, TimeSpan.Zero, TimeSpan.FromMilliseconds(301));

        using var cancel = new CancellationTokenSource();
        var call = found.InvokeAsync(default, cancel.Token).AsTask();
        await entered.Reader.ReadAsync(Patience.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.Within());
        await left.Reader.ReadAsync(Patience.Token);
    }

    [BelaydFact]
    public async Task Payloads_up_to_the_brokers_bound_come_through_whole()
    {
        var host = await belayd.ConnectAsync("host");
        await using var echo = await host.RegisterAsync(Echo);
        var bound = (int)host.Session.Welcome.Limits.MaxPayloadBytes;
        foreach (var size in new[] { 0, 1, 65535, 65536, 1_000_000, bound })
        {
            var bytes = new byte[size];
            new Random(size).NextBytes(bytes);
            var answer = await echo.InvokeAsync(bytes).Within();
            Assert.True(bytes.AsSpan().SequenceEqual(answer), $"{size} bytes");
        }

        var error = await Assert.ThrowsAsync<BelayException>(() => echo.InvokeAsync(new byte[bound + 1]).AsTask());
        Assert.Equal(BelayStatus.ResourceExhausted, error.Status);
    }

    [BelaydFact]
    public async Task Many_calls_in_flight_from_many_tasks_all_come_back_right()
    {
        var host = await belayd.ConnectAsync("host");
        var caller = await belayd.ConnectAsync("caller");
        await using var echo = await host.RegisterAsync(Echo, new CallbackOptions { Name = "test.echo" });
        await using var found = await caller.ResolveAsync("test.echo");
        await Task.WhenAll(Enumerable.Range(0, 64).Select(async task =>
        {
            for (var i = 0; i < 200; i++)
            {
                var sent = BitConverter.GetBytes((task * 1000) + i);
                Assert.Equal(sent, await found.InvokeAsync(sent));
            }
        })).Within();
    }

    private static void Echo(ReadOnlySpan<byte> request, IBufferWriter<byte> reply, CallContext call) =>
        reply.Write(request);
}
