// A broker whose every step the test takes by hand: reads the client's operations one by one, answers what it likes.
//
// Thread safety: one test's own.
using System.Threading.Channels;
using Belay.Client.Grpc;
using Microsoft.AspNetCore.Http;

namespace Belay.Client.Tests.Support;

/// <summary>A hand-driven broker.</summary>
internal sealed class FakeBroker : IAsyncDisposable
{
    private readonly Channel<FakeSession> _sessions = Channel.CreateUnbounded<FakeSession>();
    private FakeServer? _server;

    public string Address => _server!.Address;

    public static async Task<FakeBroker> StartAsync()
    {
        var broker = new FakeBroker();
        broker._server = await FakeServer.StartAsync(broker.ServeAsync);
        return broker;
    }

    /// <summary>The next session that a client opens; nothing has been read from it yet.</summary>
    public ValueTask<FakeSession> AcceptAsync() => _sessions.Reader.ReadAsync(Patience.Token);

    /// <summary>Connects a client and takes it in; by default one whose session ends with its connection.</summary>
    public async Task<(BelayClient Client, FakeSession Session)> OpenAsync(
        BelayClientOptions? options = null, Wire.Limits? limits = null, uint leaseMs = 0)
    {
        options ??= new BelayClientOptions { ClientName = "test", SessionLife = SessionLife.EndsWithConnection };
        var connecting = BelayClient.ConnectAsync(Address, options);
        var session = await AcceptAsync();
        await session.ReadHelloAsync();
        await session.WelcomeAsync(limits, options.Grace is null ? 0 : 60_000u, leaseMs);
        return (await connecting, session);
    }

    /// <summary>Connects a client that survives the loss of its connection; with grace its session does, too.</summary>
    public Task<(BelayClient Client, FakeSession Session)> OpenLastingAsync(bool withGrace, uint leaseMs = 0) =>
        OpenAsync(
            new BelayClientOptions { ClientName = "test", Grace = withGrace ? TimeSpan.FromMinutes(1) : null },
            leaseMs: leaseMs);

    /// <summary>Takes in a client that begins a new session.</summary>
    public async Task<FakeSession> RenewAsync()
    {
        var session = await AcceptAsync();
        await session.ReadHelloAsync();
        await session.WelcomeAsync();
        return session;
    }

    public async ValueTask DisposeAsync() => await _server!.DisposeAsync();

    private async Task ServeAsync(HttpContext http)
    {
        var session = new FakeSession(http);
        await _sessions.Writer.WriteAsync(session);
        await session.Over;
    }
}

/// <summary>The broker's end of one session.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "The reader's buffer goes with the test.")]
internal sealed class FakeSession
{
    private readonly HttpContext _http;
    private readonly GrpcMessageReader _reader;
    private readonly Queue<Wire.ClientOperation> _unread = new();
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ulong _nextSequence = 1;

    public FakeSession(HttpContext http)
    {
        _http = http;
        _reader = new GrpcMessageReader(http.Request.Body, 16 * 1024 * 1024);
    }

    public Task Over => _over.Task;

    /// <summary>Sequence that the client's next operation must have.</summary>
    public ulong Due { get; private set; } = 1;

    /// <summary>The client's last acknowledgement.</summary>
    public ulong Acknowledged { get; private set; }

    /// <summary>The client's next operation; its numbering is checked.</summary>
    public async Task<Wire.ClientOperation> ReadAsync()
    {
        while (_unread.Count == 0)
            Assert.NotNull(await ReadFrameAsync());
        return _unread.Dequeue();
    }

    /// <summary>The client's next frame, whose operations ReadAsync gives too; null: the client closed the
    /// stream.</summary>
    public async Task<Wire.ClientFrame?> ReadFrameAsync()
    {
        var (ended, frame) = await _reader.ReadAsync(Wire.ClientFrame.Parser, Patience.Token);
        if (ended)
            return null;
        Acknowledged = frame!.Ack;
        Assert.Equal(Due, frame.FirstSequence);
        Due += (ulong)frame.Operations.Count;
        foreach (var operation in frame.Operations)
            _unread.Enqueue(operation);
        return frame;
    }

    /// <summary>The client's first frame, which begins a session or comes back to one.</summary>
    public async Task<Wire.ClientFrame> ReadHelloAsync()
    {
        var (_, frame) = await _reader.ReadAsync(Wire.ClientFrame.Parser, Patience.Token);
        Assert.NotNull(Assert.Single(frame!.Operations).Hello);
        Assert.Equal(frame.Operations[0].Hello.ResumeToken.IsEmpty ? 1ul : 0ul, frame.FirstSequence);
        Due = 2;
        return frame;
    }

    /// <summary>Begins a session.</summary>
    public Task WelcomeAsync(Wire.Limits? limits = null, uint graceMs = 0, uint leaseMs = 0) =>
        SendAsync(new Wire.ServerOperation
        {
            Welcome = new Wire.Welcome
            {
                SessionId = 7,
                ProtocolVersion = 1,
                Epoch = 1,
                Limits = limits,
                GraceMs = graceMs,
                LeaseMs = leaseMs,
                ResumeToken = Google.Protobuf.ByteString.CopyFromUtf8(graceMs == 0 ? string.Empty : "token"),
            },
        });

    /// <summary>Goes on with the session that <paramref name="last"/> was a connection of.</summary>
    /// <param name="last">The connection that was lost.</param>
    /// <param name="heard">The last of the client's operations that is said to have come.</param>
    public Task ResumeAsync(FakeSession last, ulong heard)
    {
        Due = heard + 1;
        _nextSequence = last._nextSequence;
        return SendFrameAsync(new Wire.ServerFrame
        {
            Ack = heard,
            Operations = { new Wire.ServerOperation { Welcome = new Wire.Welcome { SessionId = 7, Resumed = true } } },
        });
    }

    /// <summary>Ends the session with a word.</summary>
    public async Task GoodbyeAsync(BelayStatus status, string reason)
    {
        await SendAsync(new Wire.ServerOperation
        {
            Goodbye = new Wire.Goodbye
            {
                Status = new Wire.Status { Code = (int)status, Reason = reason, Message = "see you" },
            },
        });
        End();
    }

    /// <summary>The client's next operation, which is a request to register; it is granted.</summary>
    public async Task<Wire.Register> AcceptRegisterAsync(ulong handle)
    {
        var register = (await ReadAsync()).Register;
        Assert.NotNull(register);
        await ReplyAsync(register.RequestId, handle);
        return register;
    }

    public Task SendAsync(params Wire.ServerOperation[] operations)
    {
        var frame = new Wire.ServerFrame { FirstSequence = _nextSequence, Ack = Due - 1, Operations = { operations } };
        _nextSequence += (ulong)operations.Length;
        return SendFrameAsync(frame);
    }

    public Task SendFrameAsync(Wire.ServerFrame frame) => SendRawAsync(FakeServer.Frame(frame));

    public Task SendRawAsync(byte[] bytes) => FakeServer.WriteAsync(_http, bytes);

    /// <summary>Answers a request.</summary>
    public Task ReplyAsync(ulong requestId, ulong handle = 0, Wire.Status? status = null) =>
        SendAsync(new Wire.ServerOperation
        {
            Reply = new Wire.Reply { RequestId = requestId, Handle = handle, Status = status },
        });

    /// <summary>Ends the stream in good order.</summary>
    public void End(int grpcStatus = 0, string? message = null)
    {
        _http.Response.AppendTrailer(
            "grpc-status", grpcStatus.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (message is not null)
            _http.Response.AppendTrailer("grpc-message", message);
        _over.TrySetResult();
    }

    /// <summary>Ends the stream as a broken connection does.</summary>
    public void Kill()
    {
        _http.Abort();
        _over.TrySetResult();
    }

    /// <summary>Lets a client register a callback under this handle.</summary>
    public async Task<RemoteCallback> AcceptRegisterAsync(ValueTask<RemoteCallback> registering, ulong handle)
    {
        await AcceptRegisterAsync(handle);
        return await registering;
    }
}
