// An HTTP/2 server on a unix socket that answers whatever a test wants, right or wrong.
//
// Thread safety: Handle is set before the first request; the rest is Kestrel's.
using System.Buffers.Binary;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Belay.Client.Tests.Support;

/// <summary>Kestrel, with one handler for every path.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _folder;

    private FakeServer(WebApplication app, string folder)
    {
        _app = app;
        _folder = folder;
    }

    /// <summary>"unix:/..." for clients.</summary>
    public string Address => "unix:" + SocketPath;

    public string SocketPath => Path.Combine(_folder, "s");

    public static async Task<FakeServer> StartAsync(RequestDelegate handle)
    {
        var folder = Directory.CreateTempSubdirectory("belay-").FullName;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.ListenUnixSocket(Path.Combine(folder, "s"), listen => listen.Protocols = HttpProtocols.Http2);
        });
        var app = builder.Build();
        app.Run(handle);
        await app.StartAsync();
        return new FakeServer(app, folder);
    }

    /// <summary>A gRPC answer: messages, then trailers with this status.</summary>
    public static async Task AnswerAsync(HttpContext http, int status, string? message, params IMessage[] messages)
    {
        http.Response.ContentType = "application/grpc";
        foreach (var one in messages)
            await WriteAsync(http, Frame(one));
        http.Response.AppendTrailer("grpc-status", status.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (message is not null)
            http.Response.AppendTrailer("grpc-message", message);
    }

    public static async Task WriteAsync(HttpContext http, ReadOnlyMemory<byte> bytes)
    {
        if (!http.Response.HasStarted)
            http.Response.ContentType = "application/grpc";
        await http.Response.Body.WriteAsync(bytes);
        await http.Response.Body.FlushAsync();
    }

    /// <summary>The message with its five bytes.</summary>
    public static byte[] Frame(IMessage message)
    {
        var bytes = new byte[5 + message.CalculateSize()];
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), bytes.Length - 5);
        message.WriteTo(bytes.AsSpan(5));
        return bytes;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
