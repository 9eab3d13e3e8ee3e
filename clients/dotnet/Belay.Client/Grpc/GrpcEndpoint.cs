// An address of a broker: a unix socket's path or host and port.
//
// Invariant: a path that the kernel would refuse (more than 107 bytes) is refused here, by name.
//
// Thread safety: immutable.
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Belay.Client.Grpc;

/// <summary>Where a broker listens.</summary>
internal sealed record GrpcEndpoint
{
    /// <summary>Bytes in sockaddr_un's path, without the closing zero.</summary>
    private const int MaxUnixPathBytes = 107;

    private GrpcEndpoint(string? unixPath, string host, int port)
    {
        UnixPath = unixPath;
        Host = host;
        Port = port;
    }

    /// <summary>The socket's path; null for TCP.</summary>
    public string? UnixPath { get; }

    /// <summary>Host; "localhost" for a unix socket.</summary>
    public string Host { get; }

    /// <summary>Port; 0 for a unix socket.</summary>
    public int Port { get; }

    /// <summary>The base of request addresses.</summary>
    public Uri BaseAddress => UnixPath is null ? new UriBuilder("http", Host, Port).Uri : new Uri("http://localhost");

    /// <summary>Reads "unix:/path", "unix:///path", "http://host:port" or "host:port".</summary>
    /// <exception cref="ArgumentException">It is none of these; the text says what was wrong.</exception>
    public static GrpcEndpoint Parse(string address)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(address);
        if (address.StartsWith("unix:", StringComparison.Ordinal))
        {
            var path = address["unix:".Length..];
            if (path.StartsWith("///", StringComparison.Ordinal)) path = path[2..];
            if (path.Length == 0)
                throw new ArgumentException($"address '{address}' names no socket: unix:/path", nameof(address));
            var size = Encoding.UTF8.GetByteCount(path);
            if (size > MaxUnixPathBytes)
                throw new ArgumentException(
                    $"socket path is {size} bytes long; a unix socket's path has at most {MaxUnixPathBytes}: {path}",
                    nameof(address));
            return new GrpcEndpoint(path, "localhost", 0);
        }

        var rest = address.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
            ? address["http://".Length..].TrimEnd('/')
            : address;
        if (rest.Contains("://", StringComparison.Ordinal))
            throw new ArgumentException(
                $"address '{address}' has a scheme that is not spoken here: unix:/path or host:port", nameof(address));
        var colon = rest.LastIndexOf(':');
        if (colon <= 0 || rest.Contains('/', StringComparison.Ordinal)
            || !ushort.TryParse(rest.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            || port == 0)
            throw new ArgumentException($"address '{address}' is neither unix:/path nor host:port", nameof(address));
        return new GrpcEndpoint(null, rest[..colon].Trim('[', ']'), port);
    }

    /// <summary>Opens a socket to it.</summary>
    public async ValueTask<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = UnixPath is null
            ? new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
            : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            EndPoint to = UnixPath is null ? new DnsEndPoint(Host, Port) : new UnixDomainSocketEndPoint(UnixPath);
            await socket.ConnectAsync(to, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => UnixPath is null ? $"{Host}:{Port}" : $"unix:{UnixPath}";
}
