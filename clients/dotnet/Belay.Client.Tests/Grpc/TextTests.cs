// The parts of gRPC over HTTP/2 that are text: addresses, timeouts, percent encoding.
using Belay.Client.Grpc;

namespace Belay.Client.Tests.Grpc;

public class TextTests
{
    [Theory]
    [InlineData("unix:/run/belay/s", "unix:/run/belay/s")]
    [InlineData("unix:///run/belay/s", "unix:/run/belay/s")]
    [InlineData("unix:relative", "unix:relative")]
    [InlineData("localhost:4711", "localhost:4711")]
    [InlineData("http://localhost:4711", "localhost:4711")]
    [InlineData("http://localhost:4711/", "localhost:4711")]
    [InlineData("[::1]:4711", "::1:4711")]
    public void Addresses(string text, string expected) => Assert.Equal(expected, GrpcEndpoint.Parse(text).ToString());

    [Theory]
    [InlineData("unix:", "names no socket")]
    [InlineData("localhost", "neither")]
    [InlineData("localhost:0", "neither")]
    [InlineData("localhost:65536", "neither")]
    [InlineData(":1", "neither")]
    [InlineData("https://localhost:1", "scheme")]
    [InlineData("/run/belay/s", "neither")]
    [InlineData("a/b:1", "neither")]
    public void Wrong_addresses_are_named(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => GrpcEndpoint.Parse(text)).Message,
            StringComparison.Ordinal);

    [Fact]
    public void A_socket_path_too_long_for_the_kernel_is_named()
    {
        Assert.NotNull(GrpcEndpoint.Parse("unix:/" + new string('a', 106)));
        var error = Assert.Throws<ArgumentException>(() => GrpcEndpoint.Parse("unix:/" + new string('a', 107)));
        Assert.Contains(
            "108 bytes long; a unix socket's path has at most 107", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.0, "1m")]
    [InlineData(0.2, "1m")]
    [InlineData(1500, "1500m")]
    [InlineData(99_999_999, "99999999m")]
    [InlineData(100_000_000, "100000S")]
    [InlineData(9e14, "99999999S")]
    public void Timeouts_have_at_most_eight_digits(double milliseconds, string expected) =>
        Assert.Equal(expected, GrpcStatusHeaders.Timeout(TimeSpan.FromMilliseconds(milliseconds)));

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a%20b", "a b")]
    [InlineData("%E2%82%AC", "\u20ac")]
    [InlineData("100%", "100%")]
    [InlineData("%zz%2", "%zz%2")]
    [InlineData("%41%", "A%")]
    public void Percent_encoding(string text, string expected) =>
        Assert.Equal(expected, GrpcStatusHeaders.Decode(text));

    [Theory]
    [InlineData(typeof(InvalidOperationException), "INVALID_OPERATION_EXCEPTION")]
    [InlineData(typeof(IOException), "IO_EXCEPTION")]
    [InlineData(typeof(System.Collections.Generic.List<int>), "LIST")]
    public void Exception_types_become_reasons(Type type, string expected) =>
        Assert.Equal(expected, Belay.Client.Session.WireStatus.ReasonOf(type));
}
