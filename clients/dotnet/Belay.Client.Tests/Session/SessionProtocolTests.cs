// The session's half of the wire's rules, against a broker driven by hand: numbering, packing, acknowledging, what is
// skipped and what ends a session.
using Belay.Client.Tests.Support;

namespace Belay.Client.Tests.Session;

public class SessionProtocolTests
{
    [Fact]
    public async Task Hello_says_who_we_are()
    {
        await using var broker = await FakeBroker.StartAsync();
        var connecting = BelayClient.ConnectAsync(
            new Uri(broker.Address), new BelayClientOptions { ClientName = "me", Instance = "here:1" });
        var session = await broker.AcceptAsync();
        var frame = await session.ReadFrameAsync();
        var hello = Assert.Single(frame!.Operations).Hello;
        Assert.Equal(("me", "here:1", 1u), (hello.ClientName, hello.Instance, hello.ProtocolVersion));
        await session.SendAsync(new Wire.ServerOperation { Welcome = new Wire.Welcome { SessionId = 42 } });
        await using var client = await connecting.Within();
        Assert.Equal((42ul, "me"), (client.SessionId, client.Name));
        session.End();
    }

    [Fact]
    public async Task W9_operations_are_numbered_without_gaps_and_packed()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        const int Count = 5000;
        var handle = new RemoteCallback(client, 5, null);
        var calls = Enumerable.Range(0, Count)
            .Select(i => handle.InvokeAsync(BitConverter.GetBytes(i)).AsTask()).ToArray();
        var frames = 0;
        for (var seen = 0; seen < Count; frames++)
            seen += (await session.ReadFrameAsync())!.Operations.Count; // checks first_sequence
        Assert.InRange(frames, 1, Count / 4);
        for (var i = 0; i < Count; i++)
        {
            var call = (await session.ReadAsync()).Call;
            Assert.Equal(i, BitConverter.ToInt32(call.Payload.Span));
            var result = new Wire.CallResult { CallId = call.CallId, Payload = call.Payload };
            await session.SendAsync(new Wire.ServerOperation { Result = result });
        }

        var results = await Task.WhenAll(calls).Within();
        for (var i = 0; i < Count; i++)
            Assert.Equal(i, BitConverter.ToInt32(results[i]));
        session.End();
    }

    [Fact]
    public async Task W9_what_was_heard_is_acknowledged_even_with_nothing_else_to_say()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (_, session) = await broker.OpenAsync();
        for (var i = 0; i < 1000; i++)
            await session.SendAsync(new Wire.ServerOperation { Pong = new Wire.Ping { Nonce = 99 } });
        while (session.Acknowledged < 700)
            Assert.Empty((await session.ReadFrameAsync())!.Operations);
        session.End();
    }

    [Fact]
    public async Task Unknown_operations_and_fields_are_skipped()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        // Sequence 2, an operation with field 99 = "x", and a frame field 50 = 1.
        await session.SendRawAsync([0, 0, 0, 0, 11, 0x08, 2, 0x1a, 4, 0x9a, 0x06, 1, (byte)'x', 0x90, 0x03, 1]);
        var ping = client.PingAsync();
        var nonce = (await session.ReadAsync()).Ping.Nonce;
        await session.SendFrameAsync(new Wire.ServerFrame
        {
            FirstSequence = 3,
            Operations = { new Wire.ServerOperation { Pong = new Wire.Ping { Nonce = nonce } } },
        });
        await ping.Within();
        session.End();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task W9_a_gap_or_repetition_in_the_numbering_ends_the_session(ulong sequence)
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        var waiting = client.ResolveAsync("x").AsTask();
        await session.ReadAsync();
        await session.SendFrameAsync(
            new Wire.ServerFrame { FirstSequence = sequence, Operations = { new Wire.ServerOperation() } });
        var error = await Assert.ThrowsAsync<BelayException>(() => waiting.Within());
        Assert.Equal(BelayStatus.Internal, error.Status);
        Assert.Contains($"operation 2 was due, {sequence} came", error.Message, StringComparison.Ordinal);
        await client.Completion.Within();
        session.End();
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0, 0, 3, 0xff, 0xff, 0xff })]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0, 0xff, 0xff, 0xff, 0xff })]
    public async Task Garbage_on_the_stream_ends_the_session_and_tells_those_who_wait(byte[] garbage)
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        var waiting = client.ResolveAsync("x").AsTask();
        await session.ReadAsync();
        await session.SendRawAsync(garbage);
        await Assert.ThrowsAsync<BelayException>(() => waiting.Within());
        await client.Completion.Within();
        session.End();
    }

    [Fact]
    public async Task A_goodbye_is_the_reason_told()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        var waiting = client.ResolveAsync("x").AsTask();
        await session.ReadAsync();
        await session.SendAsync(new Wire.ServerOperation
        {
            Goodbye = new Wire.Goodbye
            {
                Status = new Wire.Status { Code = 14, Reason = "SHUTTING_DOWN", Message = "see you" },
            },
        });
        session.End();
        var error = await Assert.ThrowsAsync<BelayException>(() => waiting.Within());
        Assert.Equal((BelayStatus.Unavailable, "SHUTTING_DOWN"), (error.Status, error.Reason));
        Assert.Contains("see you", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_hello_is_told()
    {
        await using var broker = await FakeBroker.StartAsync();
        var connecting = BelayClient.ConnectAsync(broker.Address);
        var session = await broker.AcceptAsync();
        await session.ReadAsync();
        await session.SendAsync(); // headers
        session.End(16, "who%20are%20you");
        var error = await Assert.ThrowsAsync<BelayException>(() => connecting.Within());
        Assert.Equal((BelayStatus.Unauthenticated, "who are you"), (error.Status, error.Detail));
    }

    [Fact]
    public async Task A_broker_that_never_answers_hello_is_a_timeout()
    {
        await using var broker = await FakeBroker.StartAsync();
        // On a slow machine there may be none yet when the time is over.
        var accepting = broker.AcceptAsync().AsTask();
        var connecting = BelayClient.ConnectAsync(
            broker.Address, new BelayClientOptions { ConnectTimeout = TimeSpan.FromMilliseconds(100) });
        var error = await Assert.ThrowsAsync<BelayException>(() => connecting.Within());
        Assert.Equal((BelayStatus.DeadlineExceeded, "CONNECT_TIMEOUT"), (error.Status, error.Reason));
        if (accepting.IsCompletedSuccessfully)
            (await accepting).Kill();
    }

    [Fact]
    public async Task W4_nobody_listening_is_not_sent()
    {
        var error = await Assert.ThrowsAsync<BelayException>(
            () => BelayClient.ConnectAsync("unix:/nonexistent/s").Within());
        Assert.Equal((BelayStatus.Unavailable, "CANNOT_CONNECT", CallCertainty.NotSent),
                     (error.Status, error.Reason, error.Certainty));
        Assert.Contains("there is no socket; is belayd running?", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disposing_sends_what_is_queued_and_closes_the_stream()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        for (ulong handle = 1; handle <= 100; handle++)
            client.Session.Requests.Release(handle);
        var disposing = client.DisposeAsync().AsTask();
        for (ulong handle = 1; handle <= 100; handle++)
            Assert.Equal(handle, (await session.ReadAsync()).Release.Handle);
        Assert.Null(await session.ReadFrameAsync());
        session.End();
        await disposing.Within();
        await client.DisposeAsync();
        client.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { _ = client.ListAsync(); });
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.ResolveAsync("x").AsTask());
    }

    [Fact]
    public async Task A_broker_that_does_not_let_go_is_left_after_the_close_timeout()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync(
            new BelayClientOptions
            {
                CloseTimeout = TimeSpan.FromMilliseconds(50), SessionLife = SessionLife.EndsWithConnection,
            });
        var waiting = client.ResolveAsync("x").AsTask();
        await client.DisposeAsync().AsTask().Within();
        Assert.Equal(BelayStatus.Closed, (await Assert.ThrowsAsync<BelayException>(() => waiting.Within())).Status);
        session.Kill();
    }
}
