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

    private static string DefaultName()
    {
        var path = Environment.ProcessPath;
        return path is null ? "dotnet" : Path.GetFileNameWithoutExtension(path);
    }
}
