// HttpGrpcChannel against servers that keep the rules of gRPC, bend them and break them.
using System.Net;
using Belay.Client.Grpc;
using Belay.Client.Tests.Support;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace Belay.Client.Tests.Grpc;

public class ChannelTests
{
    private static readonly GrpcMethod<Wire.GetRequest, Wire.GetResponse> Get = new(
        "/belay.v1.Storage/Get", Wire.GetResponse.Parser);

    [Fact]
    public async Task Unary_sends_what_gRPC_asks_for()
    {
        byte[] body = [];
        await using var server = await FakeServer.StartAsync(async http =>
        {
            body = await ReadAllAsync(http);
            Assert.Equal("/belay.v1.Storage/Get", http.Request.Path);
            Assert.Equal("HTTP/2", http.Request.Protocol);
            Assert.Equal("trailers", http.Request.Headers.TE);
            Assert.Equal("application/grpc", http.Request.ContentType);
            Assert.Equal("5000m", http.Request.Headers["grpc-timeout"]);
            Assert.Equal("yes", http.Request.Headers["x-test"]);
            await FakeServer.AnswerAsync(http, 0, null, new Wire.GetResponse { Version = 3 });
        });
        await using var channel = Channel(server);
        var request = new Wire.GetRequest { Key = ByteString.CopyFromUtf8("k") };
        var options = new GrpcCallOptions { Timeout = TimeSpan.FromSeconds(5), Metadata = [new("x-test", "yes")] };
        Assert.Equal(3ul, (await channel.UnaryAsync(Get, request, options).Within()).Version);
        Assert.Equal(FakeServer.Frame(request), body);
    }

    [Fact]
    public async Task A_status_in_the_trailers_is_told_with_its_text_and_details()
    {
        await using var server = await FakeServer.StartAsync(http =>
        {
            http.Response.AppendTrailer("grpc-status-details-bin", "AQID");
            return FakeServer.AnswerAsync(http, 7, "not%20you:%20%E2%82%AC");
        });
        var error = await FailAsync(server);
        Assert.Equal((GrpcCode.PermissionDenied, "not you: \u20ac"), (error.Code, error.Message));
        Assert.Equal(new byte[] { 1, 2, 3 }, error.Details.ToArray());
    }

    [Fact]
    public async Task A_status_in_the_headers_alone_is_told()
    {
        await using var server = await FakeServer.StartAsync(http =>
        {
            http.Response.ContentType = "application/grpc";
            http.Response.Headers["grpc-status"] = "12";
            http.Response.Headers["grpc-message"] = "no%20such";
            return Task.CompletedTask;
        });
        var error = await FailAsync(server);
        Assert.Equal((GrpcCode.Unimplemented, "no such"), (error.Code, error.Message));
    }

    [Theory]
    [InlineData(404, GrpcCode.Unimplemented)]
    [InlineData(401, GrpcCode.Unauthenticated)]
    [InlineData(503, GrpcCode.Unavailable)]
    [InlineData(418, GrpcCode.Unknown)]
    public async Task A_plain_HTTP_answer_is_mapped(int http, int grpc)
    {
        await using var server = await FakeServer.StartAsync(context =>
        {
            context.Response.StatusCode = http;
            return context.Response.WriteAsync("hello");
        });
        Assert.Equal(grpc, (await FailAsync(server)).Code);
    }

    [Fact]
    public async Task Missing_trailers_are_no_success()
    {
        await using var server = await FakeServer.StartAsync(
            http => FakeServer.WriteAsync(http, FakeServer.Frame(new Wire.GetResponse())));
        var error = await FailAsync(server);
        Assert.Equal(GrpcCode.Internal, error.Code);
        Assert.Contains("without a grpc-status", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_status_that_is_no_number_is_unknown()
    {
        await using var server = await FakeServer.StartAsync(http =>
        {
            http.Response.ContentType = "application/grpc";
            http.Response.AppendTrailer("grpc-status", "-1x");
            return Task.CompletedTask;
        });
        Assert.Equal(GrpcCode.Unknown, (await FailAsync(server)).Code);
    }

    [Fact]
    public async Task Another_content_type_is_named()
    {
        await using var server = await FakeServer.StartAsync(http =>
        {
            http.Response.ContentType = "text/html";
            return http.Response.WriteAsync("<html>");
        });
        Assert.Contains("text/html", (await FailAsync(server)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "without a message")]
    [InlineData(2, "more than one message")]
    public async Task Unary_wants_exactly_one_message(int count, string text)
    {
        var messages = Enumerable.Range(0, count).Select(_ => (IMessage)new Wire.GetResponse()).ToArray();
        await using var server = await FakeServer.StartAsync(http => FakeServer.AnswerAsync(http, 0, null, messages));
        Assert.Contains(text, (await FailAsync(server)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_over_the_bound_is_refused()
    {
        var big = new Wire.GetResponse { Value = ByteString.CopyFrom(new byte[5000]) };
        await using var server = await FakeServer.StartAsync(http => FakeServer.AnswerAsync(http, 0, null, big));
        await using var channel = new HttpGrpcChannel(GrpcEndpoint.Parse(server.Address), 4096, Patience.Time);
        var error = await Assert.ThrowsAsync<GrpcException>(
            () => channel.UnaryAsync(Get, new Wire.GetRequest()).Within());
        Assert.Equal(GrpcCode.ResourceExhausted, error.Code);
    }

    [Fact]
    public async Task A_deadline_holds_even_if_the_server_does_not_care()
    {
        var gone = new TaskCompletionSource();
        await using var server = await FakeServer.StartAsync(async http =>
        {
            http.RequestAborted.Register(gone.SetResult);
            await gone.Task;
        });
        await using var channel = Channel(server);
        var error = await Assert.ThrowsAsync<GrpcException>(() =>
            channel.UnaryAsync(
                Get, new Wire.GetRequest(), new GrpcCallOptions { Timeout = TimeSpan.FromMilliseconds(50) }).Within());
        Assert.Equal(GrpcCode.DeadlineExceeded, error.Code);
        await gone.Task.Within();
    }

    [Fact]
    public async Task W6_cancellation_reaches_the_server()
    {
        var arrived = new TaskCompletionSource();
        var gone = new TaskCompletionSource();
        await using var server = await FakeServer.StartAsync(async http =>
        {
            http.RequestAborted.Register(gone.SetResult);
            arrived.SetResult();
            await gone.Task;
        });
        await using var channel = Channel(server);
        using var cancel = new CancellationTokenSource();
        var call = channel.UnaryAsync(Get, new Wire.GetRequest(), default, cancel.Token);
        await arrived.Task.Within();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.Within());
        await gone.Task.Within();
    }

    [Fact]
    public async Task Leaving_a_stream_early_tells_the_server()
    {
        var gone = new TaskCompletionSource();
        await using var server = await FakeServer.StartAsync(async http =>
        {
            http.RequestAborted.Register(gone.SetResult);
            while (!http.RequestAborted.IsCancellationRequested)
                await FakeServer.WriteAsync(
                    http, FakeServer.Frame(new Wire.GetResponse { Value = ByteString.CopyFrom(new byte[10000]) }));
        });
        await using var channel = Channel(server);
        var seen = 0;
        var responses = channel.ServerStreamingAsync(Get, new Wire.GetRequest(), default, Patience.Token);
        await foreach (var response in responses)
        {
            Assert.Equal(10000, response.Value.Length);
            if (++seen == 3)
                break;
        }

        await gone.Task.Within();
    }

    [Fact]
    public async Task W4_nobody_listening_is_unavailable_and_not_sent()
    {
        await using var channel = new HttpGrpcChannel(GrpcEndpoint.Parse("unix:/nonexistent/s"), 4096, Patience.Time);
        var error = await Assert.ThrowsAsync<GrpcException>(
            () => channel.UnaryAsync(Get, new Wire.GetRequest()).Within());
        Assert.Equal((GrpcCode.Unavailable, true), (error.Code, error.NotSent));
        Assert.Contains("unix:/nonexistent/s", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_drops_the_stream_is_no_success()
    {
        await using var server = await FakeServer.StartAsync(async http =>
        {
            await FakeServer.WriteAsync(http, FakeServer.Frame(new Wire.GetResponse()));
            http.Abort();
        });
        var error = await FailAsync(server);
        Assert.NotEqual(GrpcCode.Ok, error.Code);
        Assert.False(error.NotSent);
    }

    [Fact]
    public async Task A_server_that_speaks_another_protocol_is_named()
    {
        var folder = Directory.CreateTempSubdirectory("belay-").FullName;
        using var listener = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(folder + "/s"));
        listener.Listen();
        var serving = Task.Run(async () =>
        {
            using var peer = await listener.AcceptAsync();
            await peer.SendAsync("SSH-2.0-OpenSSH_9.2\r\n"u8.ToArray());
        });
        await using var channel = new HttpGrpcChannel(GrpcEndpoint.Parse($"unix:{folder}/s"), 4096, Patience.Time);
        await Assert.ThrowsAsync<GrpcException>(() => channel.UnaryAsync(Get, new Wire.GetRequest()).Within());
        await serving.Within();
        Directory.Delete(folder, recursive: true);
    }

    private static HttpGrpcChannel Channel(FakeServer server) =>
        new(GrpcEndpoint.Parse(server.Address), 1 << 20, Patience.Time);

    private static async Task<GrpcException> FailAsync(FakeServer server)
    {
        await using var channel = Channel(server);
        return await Assert.ThrowsAsync<GrpcException>(() => channel.UnaryAsync(Get, new Wire.GetRequest()).Within());
    }

    private static async Task<byte[]> ReadAllAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        return body.ToArray();
    }
}
