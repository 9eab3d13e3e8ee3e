// Where the broker has no session to go on with, a new one takes its place: what it gets back, what ends, what the
// program is told, and when the client gives up (W3, W4, W5).
using Belay.Client.Grpc;
using Belay.Client.Tests.Support;

namespace Belay.Client.Tests.Session;

public class RenewalTests
{
    [Fact]
    public async Task W3_callbacks_and_hooks_keep_the_handles_that_the_program_knows()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, first) = await broker.OpenLastingAsync(withGrace: false);
        var events = new Events(client);
        var registering = client.RegisterAsync(Nothing, new CallbackOptions { Name = "mine", Label = "l" });
        using var callback = await first.AcceptRegisterAsync(registering, 4);
        var watching = client.Store.WatchAsync(null, (_, _) => { }).AsTask();
        await first.AcceptRegisterAsync(5);
        var attach = (await first.ReadAsync()).AttachWatch;
        await first.ReplyAsync(attach.RequestId, 6);
        var release = (await first.ReadAsync()).Release; // the watch has a handle of its own
        Assert.Equal(5ul, release.Handle);
        await first.ReplyAsync(release.RequestId);
        await using var watch = await watching.Within();
        first.Kill();

        var second = await broker.RenewAsync();
        var registers = new[] { await second.AcceptRegisterAsync(21), await second.AcceptRegisterAsync(22) };
        Assert.Equal(["mine", ""], registers.Select(register => register.Name));
        attach = (await second.ReadAsync()).AttachWatch;
        Assert.Equal(22ul, attach.Handle);
        await second.ReplyAsync(attach.RequestId, 23);
        Assert.Equal(22ul, (await second.ReadAsync()).Release.Handle); // again only the watch's own is left
        await events.NextAsync(SessionChange.Disconnected);
        await events.NextAsync(SessionChange.Renewed);

        Assert.Equal((4ul, 6ul), (callback.Handle, watch.Handle));
        var call = callback.InvokeAsync("x"u8.ToArray()).AsTask();
        Assert.Equal(21ul, (await second.ReadAsync()).Call.Handle);
        watch.Dispose();
        Assert.Equal(23ul, (await second.ReadAsync()).Release.Handle);
        // Handles of the new session are told from those of the last one.
        var resolving = client.ResolveAsync("other").AsTask();
        await second.ReplyAsync((await second.ReadAsync()).Resolve.RequestId, 4);
        using var other = await resolving.Within();
        Assert.NotEqual(callback.Handle, other.Handle);
        other.Dispose();
        Assert.Equal(4ul, (await second.ReadAsync()).Release.Handle);
        second.Kill();
        await Assert.ThrowsAsync<BelayException>(() => call.Within());
        await client.DisposeAsync();
    }

    [Fact]
    public async Task W3_what_cannot_be_put_back_is_told_and_ends()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, first) = await broker.OpenLastingAsync(withGrace: false);
        var events = new Events(client);
        var registering = client.RegisterAsync(Nothing, new CallbackOptions { Name = "taken" });
        using var callback = await first.AcceptRegisterAsync(registering, 4);
        var resolving = client.ResolveAsync("other").AsTask();
        await first.ReplyAsync((await first.ReadAsync()).Resolve.RequestId, 5);
        using var resolved = await resolving.Within();
        first.Kill();

        var second = await broker.RenewAsync();
        await second.ReplyAsync(
            (await second.ReadAsync()).Register.RequestId, status: new Wire.Status { Code = 6, Message = "it is" });
        await events.NextAsync(SessionChange.Disconnected);
        var told = await events.NextAsync(SessionChange.NotPutBack);
        Assert.Equal((4ul, BelayStatus.AlreadyExists), (told.Handle, told.Error!.Status));
        await events.NextAsync(SessionChange.Renewed);
        await callback.Released.Within();
        foreach (var handle in new[] { callback, resolved })
        {
            var error = await Assert.ThrowsAsync<BelayException>(() => handle.InvokeAsync(default).Within());
            Assert.Equal((BelayStatus.Stale, CallCertainty.NotSent), (error.Status, error.Certainty));
        }

        second.End();
        await client.DisposeAsync();
    }

    [Fact]
    public async Task W4_what_was_unanswered_ends_with_how_far_it_got()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, first) = await broker.OpenLastingAsync(withGrace: true);
        var events = new Events(client);
        using var callback = new RemoteCallback(client, 9, null);
        var sent = callback.InvokeAsync(default).AsTask();
        await first.ReadAsync();
        first.Kill();
        await events.NextAsync(SessionChange.Disconnected);
        var queued = callback.InvokeAsync(default).AsTask();
        var second = await broker.AcceptAsync();
        await second.ReadHelloAsync();
        await second.GoodbyeAsync(BelayStatus.StaleEpoch, "STALE_EPOCH");
        foreach (var (call, certainty) in new[] { (sent, CallCertainty.SentUnknown), (queued, CallCertainty.NotSent) })
        {
            var error = await Assert.ThrowsAsync<BelayException>(() => call.Within());
            Assert.Equal((BelayStatus.Unavailable, certainty), (error.Status, error.Certainty));
            Assert.Contains("STALE_EPOCH", error.Message, StringComparison.Ordinal);
        }

        // What is asked for from now on is for the session to come.
        var asked = client.ResolveAsync("x").AsTask();
        var third = await broker.RenewAsync();
        await third.ReplyAsync((await third.ReadAsync()).Resolve.RequestId, 3);
        (await asked.Within()).Dispose();
        await events.NextAsync(SessionChange.Renewed);
        third.End();
        await client.DisposeAsync();
    }

    [Fact]
    public async Task W5_what_was_let_go_of_meanwhile_is_not_put_back_and_no_answer_goes_to_another_session()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, first) = await broker.OpenLastingAsync(withGrace: false);
        var events = new Events(client);
        var entered = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        var running = await first.AcceptRegisterAsync(
            client.RegisterAsync(async (_, call) =>
            {
                entered.SetResult();
                await go.Task;
                Assert.True(call.Cancellation.IsCancellationRequested);
                return default;
            }),
            4);
        var unregistered = await first.AcceptRegisterAsync(client.RegisterAsync(Nothing), 5);
        await first.SendAsync(new Wire.ServerOperation { Call = new Wire.Call { CallId = 1, Handle = 4 } });
        await entered.Task.Within();
        var unregistering = unregistered.UnregisterAsync().AsTask();
        await first.ReadAsync();
        running.Dispose();
        Assert.Equal(4ul, (await first.ReadAsync()).Release.Handle);
        first.Kill();
        await events.NextAsync(SessionChange.Disconnected);
        await Assert.ThrowsAsync<BelayException>(() => unregistering.Within());
        await unregistered.Released.Within();
        Assert.False(running.Released.IsCompleted); // not under its running call
        go.SetResult();
        await running.Released.Within();

        var second = await broker.RenewAsync();
        var ping = client.PingAsync();
        var next = await second.ReadAsync(); // neither a Register nor a result
        Assert.NotNull(next.Ping);
        await second.SendAsync(new Wire.ServerOperation { Pong = next.Ping });
        await ping.Within();
        unregistered.Dispose(); // of a session that is over: nothing to say
        Assert.Equal(0, client.Session.Hosting.Count);
        second.End();
        await client.DisposeAsync();
        Assert.Equal((0L, 0L), (client.Ledger.Live, client.Ledger.EndedAgain));
    }

    [Fact]
    public async Task W3_a_session_that_is_lost_while_it_is_renewed_is_renewed_again()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, first) = await broker.OpenLastingAsync(withGrace: false);
        var events = new Events(client);
        using var callback = await first.AcceptRegisterAsync(client.RegisterAsync(Nothing), 4);
        first.Kill();
        var second = await broker.RenewAsync();
        Assert.NotNull((await second.ReadAsync()).Register);
        second.Kill();
        var third = await broker.RenewAsync();
        await third.AcceptRegisterAsync(31);
        await events.NextAsync(SessionChange.Disconnected); // one loss, however often it is tried
        await events.NextAsync(SessionChange.Renewed);
        callback.Dispose();
        Assert.Equal(31ul, (await third.ReadAsync()).Release.Handle);
        await third.SendAsync(new Wire.ServerOperation { Released = new Wire.Released { Handle = 31 } });
        await callback.Released.Within();
        third.End();
        await client.DisposeAsync();
    }

    [Fact]
    public async Task W3_a_connection_that_is_lost_while_a_session_is_renewed_goes_on_with_that()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, first) = await broker.OpenLastingAsync(withGrace: true);
        var events = new Events(client);
        using var one = await first.AcceptRegisterAsync(client.RegisterAsync(Nothing), 4);
        using var two = await first.AcceptRegisterAsync(client.RegisterAsync(Nothing), 5);
        await first.GoodbyeAsync(BelayStatus.Unavailable, "SHUTTING_DOWN");
        var second = await broker.AcceptAsync();
        await second.ReadHelloAsync();
        await second.WelcomeAsync(graceMs: 60_000);
        var answered = await second.AcceptRegisterAsync(31);
        var unanswered = (await second.ReadAsync()).Register;
        second.Kill();
        var third = await broker.AcceptAsync();
        await third.ReadHelloAsync();
        await third.ResumeAsync(second, heard: 3); // Hello and both
        // Again: the answer may have been lost with the connection.
        await third.SendFrameAsync(new Wire.ServerFrame
        {
            FirstSequence = 2,
            Operations =
            {
                new Wire.ServerOperation { Reply = new Wire.Reply { RequestId = answered.RequestId, Handle = 31 } },
            },
        });
        await third.ReplyAsync(unanswered.RequestId, 32);
        await events.NextAsync(SessionChange.Disconnected);
        await events.NextAsync(SessionChange.Renewed);
        var call = two.InvokeAsync(default).AsTask();
        Assert.Equal(32ul, (await third.ReadAsync()).Call.Handle); // and nothing was registered twice
        third.Kill();
        await client.DisposeAsync();
        await Assert.ThrowsAsync<BelayException>(() => call.Within());
    }

    [Fact]
    public async Task W3_what_is_released_when_its_session_is_over_does_not_wait_for_another()
    {
        var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync(
            new BelayClientOptions { ReconnectTimeout = TimeSpan.FromHours(1) });
        var events = new Events(client);
        var callback = await session.AcceptRegisterAsync(client.RegisterAsync(Nothing), 4);
        var waiting = client.ResolveAsync("x").AsTask();
        await session.ReadAsync();
        session.Kill();
        await broker.DisposeAsync(); // for good
        await events.NextAsync(SessionChange.Disconnected);
        await Assert.ThrowsAsync<BelayException>(() => waiting.Within());
        await callback.DisposeAsync().AsTask().Within();
        await client.DisposeAsync();
        await callback.Released.Within();
    }

    [Fact]
    public async Task W3_a_client_gives_up_in_the_end_and_says_so()
    {
        var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync(
            new BelayClientOptions { ReconnectTimeout = TimeSpan.FromMilliseconds(100) });
        var callback = await session.AcceptRegisterAsync(client.RegisterAsync(Nothing), 4);
        session.Kill();
        await broker.DisposeAsync();
        await client.Completion.Within();
        await callback.Released.Within();
        var error = await Assert.ThrowsAsync<BelayException>(() => callback.InvokeAsync(default).Within());
        Assert.Equal((BelayStatus.Unavailable, "SESSION_LOST", CallCertainty.NotSent),
                     (error.Status, error.Reason, error.Certainty));
    }

    [Fact]
    public async Task What_the_broker_refuses_for_our_own_fault_is_not_tried_again()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenLastingAsync(withGrace: true);
        await session.GoodbyeAsync(BelayStatus.InvalidArgument, "FRAME_TOO_LARGE");
        await client.Completion.Within();
        var error = await Assert.ThrowsAsync<BelayException>(() => client.ResolveAsync("x").AsTask());
        Assert.Equal("FRAME_TOO_LARGE", error.Reason);
    }

    [Fact]
    public async Task A_writer_that_fails_ends_the_session_and_says_why()
    {
        await using var broker = await FakeBroker.StartAsync();
        BrokenChannel? channel = null;
        var (client, session) = await broker.OpenAsync(new BelayClientOptions
        {
            ChannelFactory = address => channel = new BrokenChannel(
                new HttpGrpcChannel(GrpcEndpoint.Parse(address), 1 << 20, Patience.Time)),
        });
        channel!.IsBroken = true;
        var error = await Assert.ThrowsAsync<BelayException>(() => client.ResolveAsync("x").AsTask().Within());
        Assert.Equal((BelayStatus.Internal, "SESSION_FAILED"), (error.Status, error.Reason));
        Assert.Contains("no more ink", error.Message, StringComparison.Ordinal);
        await client.Completion.Within();
        session.Kill();
    }

    private static void Nothing(ReadOnlySpan<byte> request, System.Buffers.IBufferWriter<byte> reply, CallContext call)
    {
    }
}
