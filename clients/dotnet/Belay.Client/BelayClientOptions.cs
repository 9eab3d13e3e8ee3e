// How a client presents itself and what it bears: plain data.
//
// Thread safety: immutable.
using Belay.Client.Grpc;

namespace Belay.Client;

/// <summary>Options of <see cref="BelayClient"/>.</summary>
public sealed record BelayClientOptions
{
    /// <summary>Name of the program, shown to operators; 1 to 255 bytes. By default the process's name.</summary>
    public string ClientName { get; init; } = DefaultName();

    /// <summary>Tells this instance of the program from others; at most 255 bytes. By default host and process
    /// id.</summary>
    public string Instance { get; init; } = $"{Environment.MachineName}:{Environment.ProcessId}";

    /// <summary>
    /// Which life of the instance this is; a later one is larger. A program whose <see cref="Instance"/> outlives its
    /// process so takes over from its own ghost, the session that its last process has left behind. Null: when this
    /// process began to use Belay.
    /// </summary>
    public ulong? Incarnation { get; init; }

    /// <summary>What the loss of the connection does to the session.</summary>
    public SessionLife SessionLife { get; init; }

    /// <summary>
    /// How long the broker is to keep the session without a connection; it may grant less. Zero: not at all. Null: 30
    /// seconds, or zero over a unix socket, which is lost only with one of the processes: so the callers of a host that
    /// died need not wait for it to come back.
    /// </summary>
    public TimeSpan? Grace { get; init; }

    /// <summary>
    /// How long either side may be silent before the connection counts as lost; the broker may grant less. Zero: for
    /// ever. Null: 15 seconds, or zero over a unix socket.
    /// </summary>
    public TimeSpan? Lease { get; init; }

    /// <summary>How long to try for another connection before the client gives up; attempts come after 50 ms to 5 s, at
    /// random.</summary>
    public TimeSpan ReconnectTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long connecting and the broker's welcome may take together.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the broker may take to end the session when the client is disposed.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bytes of the largest message taken from the broker.</summary>
    public int MaxReceiveMessageBytes { get; init; } = 80 * 1024 * 1024;

    /// <summary>Bytes of filtered rows that a scan may have unread before it fails.</summary>
    public long MaxUnreadScanBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Receives what the library has to say where no exception can: one line each. Null: standard
    /// error.</summary>
    public Action<BelayLogLevel, string>? Log { get; init; }

    /// <summary>
    /// Makes the gRPC channel for an address; null: HTTP/2 without TLS over the runtime's own client. For programs that
    /// bring a gRPC stack of their own.
    /// </summary>
    public Func<string, IGrpcChannel>? ChannelFactory { get; init; }

    /// <summary>The same for all clients of a process, which so do not take over from one another.</summary>
    private static readonly ulong ProcessIncarnation = (ulong)DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    /// <summary>What a session with a broker there begins with.</summary>
    internal Wire.Hello ToHello(string address)
    {
        var isLocal = address.StartsWith("unix:", StringComparison.Ordinal);
        var hello = new Wire.Hello
        {
            ClientName = ClientName,
            Instance = Instance,
            ProtocolVersion = 1,
            Incarnation = Incarnation ?? ProcessIncarnation,
        };
        if (SessionLife == SessionLife.EndsWithConnection)
            return hello;
        hello.GraceMs = Milliseconds(Grace ?? (isLocal ? TimeSpan.Zero : TimeSpan.FromSeconds(30)), nameof(Grace));
        hello.LeaseMs = Milliseconds(Lease ?? (isLocal ? TimeSpan.Zero : TimeSpan.FromSeconds(15)), nameof(Lease));
        return hello;
    }

    private static uint Milliseconds(TimeSpan time, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero, name);
        return (uint)Math.Min(Math.Ceiling(time.TotalMilliseconds), uint.MaxValue);
    }

    private static string DefaultName()
    {
        var path = Environment.ProcessPath;
        return path is null ? "dotnet" : Path.GetFileNameWithoutExtension(path);
    }
}
