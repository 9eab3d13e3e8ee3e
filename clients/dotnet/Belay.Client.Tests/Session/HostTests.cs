// Hosting: calls run, end once, and what a callback closes over is let go exactly once and never under a running call.
using System.Buffers;
using Belay.Client.Tests.Support;
using Google.Protobuf;

namespace Belay.Client.Tests.Session;

public class HostTests
{
    [Fact]
    public async Task A_call_runs_and_its_context_tells_of_it()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        CallContext seen = default;
        var registering = client.RegisterAsync(
            (request, reply, call) =>
            {
                seen = call;
                reply.Write(request);
                reply.Write("!"u8);
            },
            new CallbackOptions { Label = "echo", Name = "demo.echo" });
        var register = (await session.ReadAsync()).Register;
        Assert.Equal(("echo", "demo.echo"), (register.Label, register.Name));
        Assert.StartsWith("HostTests.cs:", register.Site, StringComparison.Ordinal);
        // The call comes in the same frame as the handle: it must find the callback.
        await session.SendAsync(
            new Wire.ServerOperation { Reply = new Wire.Reply { RequestId = register.RequestId, Handle = 4 } },
            new Wire.ServerOperation
            {
                Call = new Wire.Call
                {
                    CallId = 11,
                    Handle = 4,
                    Payload = ByteString.CopyFromUtf8("hi"),
                    TimeoutMs = 60000,
                    Caller = "you",
                    TraceId = ByteString.CopyFrom(0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2),
                },
            });
        Assert.Equal(4ul, (await registering.Within()).Handle);
        var result = (await session.ReadAsync()).Result;
        Assert.Equal((11ul, "hi!"), (result.CallId, result.Payload.ToStringUtf8()));
        Assert.Null(result.Status);
        Assert.Equal(("you", 11ul, 1ul, 2ul), (seen.Caller, seen.CallId, seen.TraceHigh, seen.TraceLow));
        Assert.InRange(seen.TimeLeft!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
        session.End();
    }

    [Fact]
    public async Task R9_an_exception_becomes_a_status_and_the_session_goes_on()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        using var sync = await session.AcceptRegisterAsync(
            client.RegisterAsync((_, _, _) => throw new InvalidOperationException("boom")), 1);
        using var later = await session.AcceptRegisterAsync(
            client.RegisterAsync(async (_, _) =>
            {
                await Task.Yield();
                throw new BelayException(BelayStatus.Aborted, "OUT_OF_STOCK", "none left");
            }),
            2);
        await session.SendAsync(Call(1, 1), Call(2, 2));
        Wire.CallResult[] results = [(await session.ReadAsync()).Result, (await session.ReadAsync()).Result];
        results = [.. results.OrderBy(r => r.CallId)];
        Assert.Equal((42, "INVALID_OPERATION_EXCEPTION", "System.InvalidOperationException: boom"),
            (results[0].Status.Code, results[0].Status.Reason, results[0].Status.Message));
        Assert.Equal((42, "OUT_OF_STOCK", "none left"),
            (results[1].Status.Code, results[1].Status.Reason, results[1].Status.Message));
        session.End();
    }

    [Fact]
    public async Task Calls_run_concurrently_and_a_blocked_one_holds_up_nobody()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        using var all = new CountdownEvent(4);
        using var callback = await session.AcceptRegisterAsync(
            client.RegisterAsync((_, _, _) =>
            {
                all.Signal();
                Assert.True(all.Wait(Patience.Time)); // each waits for all: serial runs would never get here
            }),
            1);
        await session.SendAsync(Call(1, 1), Call(2, 1), Call(3, 1), Call(4, 1));
        for (var i = 0; i < 4; i++)
            Assert.Null((await session.ReadAsync()).Result.Status);
        session.End();
    }

    [Fact]
    public async Task W6_cancellation_reaches_the_callback()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        using var callback = await session.AcceptRegisterAsync(
            client.RegisterAsync(async (_, call) =>
            {
                await Task.Delay(Timeout.Infinite, call.Cancellation);
                return default;
            }),
            1);
        await session.SendAsync(Call(5, 1));
        await session.SendAsync(new Wire.ServerOperation { Cancel = new Wire.CancelCall { CallId = 5 } });
        var result = (await session.ReadAsync()).Result;
        Assert.Equal((5ul, 1), (result.CallId, result.Status.Code));
        session.End();
    }

    [Fact]
    public async Task W5_released_ends_the_closure_once()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        var probe = new Probe();
        var callback = await session.AcceptRegisterAsync(
            client.RegisterAsync(Nothing, new CallbackOptions { Owned = probe }), 1);
        await session.SendAsync(Released(1), Released(1));
        await callback.Released.Within();
        // Nor when the session ends, nor when a call comes for it after all.
        await session.SendAsync(Call(3, 1));
        Assert.Equal((int)BelayStatus.Stale, (await session.ReadAsync()).Result.Status.Code);
        session.End();
        await client.Completion.Within();
        Assert.Equal(
            (1, 0L, 0L, 2L),
            (probe.Count, client.Ledger.Live, client.Ledger.EndedAgain, client.Session.Hosting.Unknown));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task W5_nothing_is_disposed_under_a_running_call(bool bySessionLoss)
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        var entered = new TaskCompletionSource();
        var leave = new TaskCompletionSource();
        var events = new List<string>();
        var probe = new Probe { OnDispose = () => events.Add("disposed") };
        var callback = await session.AcceptRegisterAsync(
            client.RegisterAsync(
                async (_, _) =>
                {
                    entered.SetResult();
                    await leave.Task;
                    events.Add("returned");
                    return default;
                },
                new CallbackOptions { Owned = probe }),
            1);
        var idle = new List<RemoteCallback>();
        for (ulong handle = 2; handle < 20; handle++)
            idle.Add(await session.AcceptRegisterAsync(client.RegisterAsync(Nothing), handle));
        await session.SendAsync(Call(1, 1));
        await entered.Task.Within();
        if (bySessionLoss)
            session.Kill();
        else
            await session.SendAsync([.. Enumerable.Range(1, 19).Select(i => Released((ulong)i))]);
        // All the others have ended by now; this one, told before most of them, has not.
        await Task.WhenAll(idle.Select(i => i.Released)).Within();

        Assert.Equal((0, false), (probe.Count, callback.Released.IsCompleted));
        leave.SetResult();
        await callback.Released.Within();
        Assert.Equal(["returned", "disposed"], events);
        if (!bySessionLoss)
            session.End();
    }

    [Fact]
    public async Task W5_the_sessions_end_releases_all_and_cancels_what_runs()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        var probes = Enumerable.Range(0, 100).Select(_ => new Probe()).ToArray();
        var callbacks = new List<RemoteCallback>();
        foreach (var probe in probes)
        {
            callbacks.Add(await session.AcceptRegisterAsync(
                client.RegisterAsync(
                    async (_, call) =>
                    {
                        await Task.Delay(Timeout.Infinite, call.Cancellation);
                        return default;
                    },
                    new CallbackOptions { Owned = probe }),
                (ulong)callbacks.Count + 1));
        }

        await session.SendAsync([.. Enumerable.Range(1, 50).Select(i => Call((ulong)i, (ulong)i))]);
        session.Kill();
        await Task.WhenAll(callbacks.Select(c => c.Released)).Within();
        Assert.All(probes, p => Assert.Equal(1, p.Count));
        Assert.Equal((0L, 0, 0), (client.Ledger.Live, client.Session.Hosting.Count, client.Session.Hosting.Running));
    }

    [Fact]
    public async Task R3_a_closure_ends_also_when_registration_is_refused_or_never_answered()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        Probe refused = new(), lost = new(), cancelled = new(), late = new();

        var registering = client.RegisterAsync(Nothing, new CallbackOptions { Owned = refused }).AsTask();
        var id = (await session.ReadAsync()).Register.RequestId;
        await session.ReplyAsync(
            id, status: new Wire.Status { Code = 6, Reason = "ALREADY_EXISTS", Message = "taken" });
        Assert.Equal(
            BelayStatus.AlreadyExists, (await Assert.ThrowsAsync<BelayException>(() => registering.Within())).Status);
        await refused.Disposed.Within();

        using var before = new CancellationTokenSource();
        await before.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => client.RegisterAsync(Nothing, new CallbackOptions { Owned = cancelled }, before.Token).AsTask());
        await cancelled.Disposed.Within();

        // Given up after it was sent: the broker answers all the same, and the callback is released at once.
        using var during = new CancellationTokenSource();
        registering = client.RegisterAsync(Nothing, new CallbackOptions { Owned = late }, during.Token).AsTask();
        id = (await session.ReadAsync()).Register.RequestId;
        await during.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => registering.Within());
        Assert.Equal(0, late.Count);
        await session.ReplyAsync(id, 8);
        Assert.Equal(8ul, (await session.ReadAsync()).Release.Handle);
        await session.SendAsync(Released(8));
        await late.Disposed.Within();

        registering = client.RegisterAsync(Nothing, new CallbackOptions { Owned = lost }).AsTask();
        await session.ReadAsync();
        session.Kill();
        await Assert.ThrowsAsync<BelayException>(() => registering.Within());
        await lost.Disposed.Within();

        await client.DisposeAsync();
        var afterwards = new Probe();
        await Assert.ThrowsAsync<ObjectDisposedException>(
            () => client.RegisterAsync(Nothing, new CallbackOptions { Owned = afterwards }).AsTask());
        await afterwards.Disposed.Within();
        Assert.All([refused, lost, cancelled, late, afterwards], p => Assert.Equal(1, p.Count));
    }

    [Fact]
    public async Task A_dispose_that_throws_or_blocks_holds_up_nobody()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync();
        var faults = new List<CallbackFaultEventArgs>();
        client.CallbackFaulted += (_, fault) => faults.Add(fault);
        using var leave = new ManualResetEventSlim();
        var throws = new Probe { OnDispose = () => throw new InvalidOperationException("no") };
        var blocks = new Probe { OnDispose = () => leave.Wait(Patience.Time) };
        var first = await session.AcceptRegisterAsync(
            client.RegisterAsync(Nothing, new CallbackOptions { Owned = throws, Label = "t" }), 1);
        var second = await session.AcceptRegisterAsync(
            client.RegisterAsync(Nothing, new CallbackOptions { Owned = blocks }), 2);
        await session.SendAsync(Released(2), Released(1));
        var ping = client.PingAsync();
        await session.SendAsync(new Wire.ServerOperation { Pong = (await session.ReadAsync()).Ping });
        await ping.Within();
        await first.Released.Within();
        Assert.Equal(("t", "dispose"), (Assert.Single(faults).Label, faults[0].During));
        Assert.False(second.Released.IsCompleted);
        leave.Set();
        await second.Released.Within();
        session.End();
    }

    [Fact]
    public async Task A_reply_over_the_brokers_bound_fails_the_call_and_not_the_session()
    {
        await using var broker = await FakeBroker.StartAsync();
        var (client, session) = await broker.OpenAsync(limits: new Wire.Limits { MaxPayloadBytes = 100 });
        using var callback = await session.AcceptRegisterAsync(
            client.RegisterAsync((_, reply, _) => reply.Write(new byte[101])), 1);
        await session.SendAsync(Call(1, 1));
        var status = (await session.ReadAsync()).Result.Status;
        Assert.Equal((42, "REPLY_TOO_LARGE"), (status.Code, status.Reason));
        session.End();
    }

    private static void Nothing(ReadOnlySpan<byte> request, IBufferWriter<byte> reply, CallContext call)
    {
    }

    private static Wire.ServerOperation Call(ulong callId, ulong handle) =>
        new() { Call = new Wire.Call { CallId = callId, Handle = handle } };

    private static Wire.ServerOperation Released(ulong handle) =>
        new() { Released = new Wire.Released { Handle = handle } };
}
