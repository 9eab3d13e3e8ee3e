// The five-byte framing, fed with good and hostile bytes.
using Belay.Client.Grpc;
using Belay.Client.Tests.Support;
using Google.Protobuf;

namespace Belay.Client.Tests.Grpc;

public class FramingTests
{
    private const int Bound = 1000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(100000)]
    public async Task Reads_messages_however_the_bytes_arrive(int chunk)
    {
        var sent = Enumerable.Range(0, 50).Select(i => Call((ulong)i, i * 7)).ToList();
        var bytes = sent.SelectMany(FakeServer.Frame).ToArray();
        using var reader = new GrpcMessageReader(new Chunks(bytes, chunk), Bound);
        foreach (var call in sent)
            Assert.Equal(call, (await reader.ReadAsync(Wire.Call.Parser, default)).Message);
        Assert.True((await reader.ReadAsync(Wire.Call.Parser, default)).Ended);
    }

    [Fact]
    public async Task Reads_messages_larger_than_the_buffer_and_small_ones_after_them()
    {
        var big = new Wire.Call { Payload = ByteString.CopyFrom(new byte[1_000_000]) };
        var small = new Wire.Call { CallId = 3 };
        byte[] bytes = [.. FakeServer.Frame(big), .. FakeServer.Frame(small), .. FakeServer.Frame(small)];
        using var reader = new GrpcMessageReader(new Chunks(bytes, 4096), 2_000_000);
        Assert.Equal(big, (await reader.ReadAsync(Wire.Call.Parser, default)).Message);
        Assert.Equal(small, (await reader.ReadAsync(Wire.Call.Parser, default)).Message);
        Assert.Equal(small, (await reader.ReadAsync(Wire.Call.Parser, default)).Message);
    }

    [Fact]
    public async Task An_empty_message_is_a_message()
    {
        using var reader = new GrpcMessageReader(new MemoryStream([0, 0, 0, 0, 0]), Bound);
        Assert.Equal((false, new Wire.Call()), await reader.ReadAsync(Wire.Call.Parser, default));
    }

    [Theory]
    [InlineData(new byte[] { 0 }, GrpcCode.Internal, "inside a message prefix: 1 of 5")]
    [InlineData(new byte[] { 0, 0, 0, 0 }, GrpcCode.Internal, "inside a message prefix: 4 of 5")]
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 8 }, GrpcCode.Internal, "inside a message: 1 of 2")]
    [InlineData(new byte[] { 0, 0, 0, 0, 1 }, GrpcCode.Internal, "inside a message: 0 of 1")]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 }, GrpcCode.Internal, "compressed message")]
    [InlineData(new byte[] { 42, 0, 0, 0, 0 }, GrpcCode.Internal, "compressed flag is 42")]
    [InlineData(new byte[] { 0, 0, 0, 3, 0xe9 }, GrpcCode.ResourceExhausted, "1001 bytes came; the bound is 1000")]
    [InlineData(new byte[] { 0, 0xff, 0xff, 0xff, 0xff }, GrpcCode.ResourceExhausted, "4294967295 bytes")]
    [InlineData(new byte[] { 0, 0, 0, 0, 3, 0xff, 0xff, 0xff }, GrpcCode.Internal, "is not a Call")]
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 0x1a, 0x7f }, GrpcCode.Internal, "is not a Call")]
    public async Task Hostile_bytes_are_named(byte[] bytes, int code, string text)
    {
        using var reader = new GrpcMessageReader(new MemoryStream(bytes), Bound);
        var error = await Assert.ThrowsAsync<GrpcException>(
            async () => await reader.ReadAsync(Wire.Call.Parser, default));
        Assert.Equal(code, error.Code);
        Assert.Contains(text, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_huge_length_allocates_nothing()
    {
        using var reader = new GrpcMessageReader(new MemoryStream([0, 0x7f, 0xff, 0xff, 0xff]), 16 * 1024);
        var before = GC.GetAllocatedBytesForCurrentThread();
        await Assert.ThrowsAsync<GrpcException>(async () => await reader.ReadAsync(Wire.Call.Parser, default));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024 * 1024);
    }

    [Fact]
    public async Task Random_bytes_give_messages_or_GrpcException_and_nothing_else()
    {
        var seed = TestSeed.Value;
        var random = new Random(seed);
        for (var round = 0; round < 5000; round++)
        {
            var bytes = FakeServer.Frame(new Wire.ServerFrame
            {
                FirstSequence = 1,
                Operations = { new Wire.ServerOperation { Call = Call(1, 20) } },
            });
            for (var i = random.Next(5); i >= 0; i--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            using var reader = new GrpcMessageReader(
                new Chunks(bytes[..random.Next(bytes.Length + 1)], 1 + random.Next(9)), Bound);
            try
            {
                while (!(await reader.ReadAsync(Wire.ServerFrame.Parser, default)).Ended)
                {
                }
            }
            catch (GrpcException)
            {
                // Named, as it should be.
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed} round {round}: {e}");
            }
        }
    }

    private static Wire.Call Call(ulong id, int bytes) =>
        new() { CallId = id, Payload = ByteString.CopyFrom(new byte[bytes]) };

    /// <summary>A stream that gives so many bytes a read.</summary>
    private sealed class Chunks(byte[] bytes, int chunk) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(chunk, buffer.Length)], cancellationToken);
    }
}
