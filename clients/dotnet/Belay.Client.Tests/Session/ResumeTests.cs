// A session with grace goes on over the next connection: nothing is lost, nothing is done twice (W3, W9).
using Belay.Client.Tests.Support;
using Google.Protobuf;

namespace Belay.Client.Tests.Session;

public class ResumeTests
{
    [Fact]
    public async Task W3_W9_what_the_broker_has_not_got_is_sent_again_under_its_old_numbers()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, first) = await broker.OpenLastingAsync(withGrace: true);
        var events = new Events(client);
        using var callback = new RemoteCallback(client, 9, null);
        var heard = callback.InvokeAsync("heard"u8.ToArray()).AsTask();
        var heardCall = (await first.ReadAsync()).Call;
        var lost = callback.InvokeAsync("lost"u8.ToArray()).AsTask();
        Assert.Equal("lost", (await first.ReadAsync()).Call.Payload.ToStringUtf8());
        first.Kill();

        var second = await broker.AcceptAsync();
        var hello = await second.ReadHelloAsync();
        Assert.Equal("token", hello.Operations[0].Hello.ResumeToken.ToStringUtf8());
        Assert.Equal(1ul, hello.Ack); // the Welcome
        Assert.Equal(SessionChange.Disconnected, (await events.NextAsync(SessionChange.Disconnected)).Change);
        var asked = callback.InvokeAsync("meanwhile"u8.ToArray()).AsTask();
        await second.ResumeAsync(first, heard: 2); // Hello and the first call
        var calls = new[] { heardCall, (await second.ReadAsync()).Call, (await second.ReadAsync()).Call };
        Assert.Equal(["heard", "lost", "meanwhile"], calls.Select(call => call.Payload.ToStringUtf8()));
        await second.SendAsync([.. calls.Select(Result)]);
        Assert.Equal(
            ["heard", "lost", "meanwhile"],
            (await Task.WhenAll(heard, lost, asked).Within()).Select(System.Text.Encoding.UTF8.GetString));
        await events.NextAsync(SessionChange.Resumed);
        second.End();
        await client.DisposeAsync();
    }

    [Fact]
    public async Task W9_what_the_broker_sends_again_is_not_done_again()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, first) = await broker.OpenLastingAsync(withGrace: true);
        var runs = 0;
        var registering = client.RegisterAsync((_, _, _) => Interlocked.Increment(ref runs));
        using var callback = await first.AcceptRegisterAsync(registering, 4); // the broker's operation 2
        var call = new Wire.ServerOperation { Call = new Wire.Call { CallId = 1, Handle = 4 } };
        await first.SendAsync(call); // 3
        await first.ReadAsync(); // its result
        first.Kill();

        var second = await broker.AcceptAsync();
        Assert.Equal(3ul, (await second.ReadHelloAsync()).Ack);
        await second.ResumeAsync(first, heard: 2); // not the result
        Assert.Equal(1ul, (await second.ReadAsync()).Result.CallId);
        var again = new Wire.ServerFrame { FirstSequence = 3, Operations = { call, call.Clone() } };
        again.Operations[1].Call.CallId = 2; // new, number 4
        await second.SendFrameAsync(again);
        Assert.Equal(2ul, (await second.ReadAsync()).Result.CallId);
        Assert.Equal(2, runs);
        second.End();
        await client.DisposeAsync();
    }

    [Fact]
    public async Task W9_what_was_acknowledged_is_not_sent_again()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, first) = await broker.OpenLastingAsync(withGrace: true);
        client.Session.Requests.Release(1);
        client.Session.Requests.Release(2);
        await first.ReadAsync();
        await first.ReadAsync();
        await first.SendAsync(new Wire.ServerOperation { Pong = new Wire.Ping() }); // acknowledges both
        var ping = client.PingAsync();
        await first.ReadAsync();
        first.Kill();
        var second = await broker.AcceptAsync();
        await second.ReadHelloAsync();
        await second.ResumeAsync(first, heard: 3);
        var again = (await second.ReadAsync()).Ping; // number 4, as ReadFrameAsync checks
        await second.SendAsync(new Wire.ServerOperation { Pong = again });
        await ping.Within();
        second.End();
        await client.DisposeAsync();
    }

    [Theory]
    [InlineData(9ul)]
    [InlineData(ulong.MaxValue)]
    public async Task W9_an_acknowledgement_of_what_was_never_sent_is_a_breach(ulong ack)
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenLastingAsync(withGrace: true);
        await session.SendFrameAsync(new Wire.ServerFrame { Ack = ack });
        await client.Completion.Within();
        var error = await Assert.ThrowsAsync<BelayException>(() => client.ResolveAsync("x").AsTask());
        Assert.Equal(BelayStatus.Internal, error.Status);
        Assert.Contains($"acknowledged operation {ack} of 1", error.Message, StringComparison.Ordinal);
        session.End();
    }

    [Fact]
    public async Task W3_a_connection_that_is_silent_for_the_lease_is_lost_and_one_that_is_asked_for_a_sign_gives_it()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, first) = await broker.OpenLastingAsync(withGrace: true, leaseMs: 300);
        var events = new Events(client);
        Assert.NotNull((await first.ReadAsync()).Ping);
        var why = await events.NextAsync(SessionChange.Disconnected);
        Assert.Contains("nothing was heard", why.Error!.Message, StringComparison.Ordinal);
        var second = await broker.AcceptAsync();
        await second.ReadHelloAsync();
        await second.ResumeAsync(first, heard: 1);
        await events.NextAsync(SessionChange.Resumed);
        await events.NextAsync(SessionChange.Disconnected); // what was granted goes on, too
        await client.DisposeAsync();
    }

    [Fact]
    public async Task A_client_that_is_done_says_so_and_one_without_a_connection_is_done_at_once()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenLastingAsync(withGrace: true);
        var disposing = client.DisposeAsync().AsTask();
        Assert.NotNull((await session.ReadAsync()).Goodbye);
        Assert.Null(await session.ReadFrameAsync());
        session.End();
        await disposing.Within();

        (client, session) = await broker.OpenLastingAsync(withGrace: true);
        var events = new Events(client);
        var waiting = client.ResolveAsync("x").AsTask();
        await session.ReadAsync();
        session.Kill();
        await events.NextAsync(SessionChange.Disconnected);
        await client.DisposeAsync().AsTask().Within();
        Assert.Equal(BelayStatus.Closed, (await Assert.ThrowsAsync<BelayException>(() => waiting.Within())).Status);
    }

    private static Wire.ServerOperation Result(Wire.Call call) => new()
    {
        Result = new Wire.CallResult { CallId = call.CallId, Payload = call.Payload },
    };
}
