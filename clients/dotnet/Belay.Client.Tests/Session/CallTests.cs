// Calls and requests as their caller sees them: each ends once, and a failure says how far it got.
using Belay.Client.Tests.Support;
using Google.Protobuf;

namespace Belay.Client.Tests.Session;

public class CallTests
{
    [Fact]
    public async Task A_call_carries_what_was_said()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        using var callback = new RemoteCallback(client, 9, null);
        var answer = callback.InvokeAsync("in"u8.ToArray(), TimeSpan.FromSeconds(3));
        var call = (await session.ReadAsync()).Call;
        Assert.Equal((9ul, "in", 3000u), (call.Handle, call.Payload.ToStringUtf8(), call.TimeoutMs));
        await session.SendAsync(Result(call.CallId, "out"));
        Assert.Equal("out"u8.ToArray(), await answer.Within());
        session.End();
    }

    [Fact]
    public async Task W4_a_failure_keeps_code_reason_text_and_certainty()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        using var callback = new RemoteCallback(client, 9, null);
        var answer = callback.InvokeAsync(default).AsTask();
        var status = new Wire.Status { Code = 42, Reason = "E", Message = "boom", Certainty = Wire.Certainty.Started };
        await session.SendAsync(Result((await session.ReadAsync()).Call.CallId, status: status));
        var error = await Assert.ThrowsAsync<BelayException>(() => answer.Within());
        Assert.Equal(
            (BelayStatus.CallbackFailed, "E", "boom", CallCertainty.Started),
            (error.Status, error.Reason, error.Detail, error.Certainty));
        session.End();
    }

    [Fact]
    public async Task W4_connection_loss_fails_what_was_sent_as_unknown_and_what_comes_later_as_not_sent()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        using var callback = new RemoteCallback(client, 9, null);
        var call = callback.InvokeAsync(default).AsTask();
        var request = client.ResolveAsync("x").AsTask();
        var ping = client.PingAsync();
        for (var i = 0; i < 3; i++)
            await session.ReadAsync();
        session.Kill();
        foreach (var sent in new Task[] { call, request, ping })
        {
            var error = await Assert.ThrowsAsync<BelayException>(() => sent.Within());
            Assert.Equal((BelayStatus.Unavailable, CallCertainty.SentUnknown), (error.Status, error.Certainty));
        }

        await client.Completion.Within();
        Task[] lates = [callback.InvokeAsync(default).AsTask(), client.ResolveAsync("x").AsTask(), client.PingAsync()];
        foreach (var late in lates)
        {
            var error = await Assert.ThrowsAsync<BelayException>(() => late.Within());
            Assert.Equal((BelayStatus.Unavailable, CallCertainty.NotSent), (error.Status, error.Certainty));
        }

        Assert.Equal(0, client.Session.Requests.Count + client.Session.Calls.Count);
    }

    [Fact]
    public async Task W4_what_never_left_the_queue_is_not_sent()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync(
            limits: new Wire.Limits { MaxFrameBytes = 1 << 30, MaxPayloadBytes = 1 << 30 });
        using var callback = new RemoteCallback(client, 9, null);
        // The broker does not read: HTTP/2's window fills, the writer stands still, and later calls stay queued.
        var calls = Enumerable.Range(0, 40).Select(_ => callback.InvokeAsync(new byte[1 << 20]).AsTask()).ToArray();
        session.Kill();
        var certainties = new List<CallCertainty>();
        foreach (var call in calls)
            certainties.Add((await Assert.ThrowsAsync<BelayException>(() => call.Within())).Certainty);
        Assert.Equal(CallCertainty.NotSent, certainties[^1]);
        // In order of queueing: once one was not sent, no later one was.
        Assert.Equal(certainties.OrderByDescending(c => c), certainties);
    }

    [Fact]
    public async Task W6_giving_up_tells_the_broker_and_the_late_result_is_dropped()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync(limits: new Wire.Limits { MaxCallsInFlight = 1 });
        using var callback = new RemoteCallback(client, 9, null);
        using var cancel = new CancellationTokenSource();
        var given = callback.InvokeAsync(default, cancel.Token).AsTask();
        var id = (await session.ReadAsync()).Call.CallId;
        await cancel.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.Within());
        Assert.Equal(cancel.Token, error.CancellationToken);
        Assert.Equal(id, (await session.ReadAsync()).Cancel.CallId);

        // It counts against the bound until its result: the next call leaves only then.
        var next = callback.InvokeAsync(default);
        Assert.Equal(1, client.Session.Calls.Count);
        await session.SendAsync(Result(id));
        var nextId = (await session.ReadAsync()).Call.CallId;
        Assert.NotEqual(id, nextId);
        await session.SendAsync(Result(nextId));
        await next.Within();
        Assert.Equal(1, client.Session.Calls.LateResults);
        session.End();
    }

    [Fact]
    public async Task W6_a_broker_that_forgets_the_deadline_is_not_waited_for()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        using var callback = new RemoteCallback(client, 9, null);
        var call = callback.InvokeAsync(default, TimeSpan.FromMilliseconds(1)).AsTask();
        var error = await Assert.ThrowsAsync<BelayException>(() => call.Within());
        Assert.Equal((BelayStatus.DeadlineExceeded, CallCertainty.SentUnknown), (error.Status, error.Certainty));
        session.Kill();
    }

    [Fact]
    public async Task Results_of_unknown_calls_and_replies_of_unknown_requests_harm_nobody()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        await session.SendAsync(
            Result(1234),
            new Wire.ServerOperation { Reply = new Wire.Reply { RequestId = 4321, Handle = 5 } },
            new Wire.ServerOperation { Rows = new Wire.Rows { RequestId = 4321 } },
            new Wire.ServerOperation { Cancel = new Wire.CancelCall { CallId = 77 } },
            new Wire.ServerOperation { Released = new Wire.Released { Handle = 77 } });
        var ping = client.PingAsync();
        await session.SendAsync(new Wire.ServerOperation { Pong = (await session.ReadAsync()).Ping });
        await ping.Within();
        Assert.Equal(1, client.Session.Calls.LateResults);
        session.End();
    }

    [Fact]
    public async Task A_payload_over_the_brokers_bound_is_refused_here_by_name()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync(
            limits: new Wire.Limits { MaxPayloadBytes = 100, MaxFrameBytes = 1000 });
        using var callback = new RemoteCallback(client, 9, null);
        var error = await Assert.ThrowsAsync<BelayException>(() => callback.InvokeAsync(new byte[101]).AsTask());
        Assert.Equal((BelayStatus.ResourceExhausted, "PAYLOAD_TOO_LARGE", CallCertainty.NotSent),
                     (error.Status, error.Reason, error.Certainty));
        error = await Assert.ThrowsAsync<BelayException>(
            () => client.Store.PutAsync("k"u8.ToArray(), new byte[1000]).AsTask());
        Assert.Equal((BelayStatus.ResourceExhausted, "FRAME_TOO_LARGE", CallCertainty.NotSent),
                     (error.Status, error.Reason, error.Certainty));
        session.End();
    }

    [Fact]
    public async Task Frames_keep_within_the_brokers_bound()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync(
            limits: new Wire.Limits { MaxFrameBytes = 1000, MaxPayloadBytes = 600 });
        using var callback = new RemoteCallback(client, 9, null);
        var calls = Enumerable.Range(0, 500).Select(i => callback.InvokeAsync(new byte[i]).AsTask()).ToArray();
        for (var seen = 0; seen < calls.Length;)
        {
            var frame = await session.ReadFrameAsync();
            Assert.InRange(frame!.CalculateSize(), 1, 1000);
            seen += frame.Operations.Count;
        }

        session.Kill();
        foreach (var call in calls)
            await Assert.ThrowsAsync<BelayException>(() => call.Within());
    }

    [Fact]
    public async Task W9_a_handle_that_comes_for_a_caller_who_gave_up_is_released()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        using var cancel = new CancellationTokenSource();
        var resolving = client.ResolveAsync("x", cancel.Token).AsTask();
        var request = (await session.ReadAsync()).Resolve;
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => resolving.Within());
        await session.ReplyAsync(request.RequestId, 31);
        Assert.Equal(31ul, (await session.ReadAsync()).Release.Handle);
        session.End();
    }

    [Fact]
    public async Task R2_a_callback_is_released_once_however_often_it_is_disposed()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        var callback = new RemoteCallback(client, 9, null);
        callback.Dispose();
        callback.Dispose();
        await callback.DisposeAsync();
        await callback.ReleaseAsync();
        var ping = client.PingAsync();
        Assert.Equal(9ul, (await session.ReadAsync()).Release.Handle);
        await session.SendAsync(new Wire.ServerOperation { Pong = (await session.ReadAsync()).Ping });
        await ping.Within();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => callback.InvokeAsync(default).AsTask());
        Assert.Throws<InvalidOperationException>(() => { _ = callback.Released; });
        session.End();
    }

    [Fact]
    public async Task R6_a_forgotten_callback_is_released_by_its_finalizer()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        Forget(client, 9);
        var released = session.ReadAsync();
        while (!released.IsCompleted) // nothing tells when the collector has found it: asked again and again
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.WhenAny(released, Task.Delay(10));
        }

        Assert.Equal(9ul, (await released).Release.Handle);
        session.End();

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Forget(BelayClient client, ulong handle) => _ = new RemoteCallback(client, handle, null);
    }

    private static Wire.ServerOperation Result(ulong callId, string payload = "", Wire.Status? status = null) =>
        new()
        {
            Result = new Wire.CallResult
            {
                CallId = callId,
                Payload = ByteString.CopyFromUtf8(payload),
                Status = status,
            },
        };
}
