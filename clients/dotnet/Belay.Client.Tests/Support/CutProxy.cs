// Forwards a unix socket to another, byte by byte, and cuts all connections when told to.
//
// Thread safety: Cut from any thread.
using System.Collections.Concurrent;
using System.Net.Sockets;

namespace Belay.Client.Tests.Support;

/// <summary>A line that can break.</summary>
internal sealed class CutProxy : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("belay-").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly ConcurrentBag<Socket> _sockets = [];
    private readonly string _toPath;
    private readonly Task _accepting;

    /// <param name="to">"unix:/path"</param>
    public CutProxy(string to)
    {
        _toPath = to["unix:".Length..];
        _listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(_folder, "s")));
        _listener.Listen();
        _accepting = AcceptAsync();
    }

    public string Address => $"unix:{_folder}/s";

    /// <summary>What is under way is lost.</summary>
    public void Cut()
    {
        while (_sockets.TryTake(out var socket))
            socket.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting;
        Cut();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptAsync();
                var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await server.ConnectAsync(new UnixDomainSocketEndPoint(_toPath));
                _sockets.Add(client);
                _sockets.Add(server);
                _ = PumpAsync(client, server);
                _ = PumpAsync(server, client);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Nobody is let in any more.
        }
    }

    private static async Task PumpAsync(Socket from, Socket to)
    {
        try
        {
            var buffer = new byte[16 * 1024];
            for (int count; (count = await from.ReceiveAsync(buffer)) > 0;)
                await to.SendAsync(buffer.AsMemory(0, count));
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
