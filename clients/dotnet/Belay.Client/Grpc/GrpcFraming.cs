// The five bytes before each message: a compressed flag and a big-endian length.
//
// Invariants
//   - No length is believed before it is checked against the bound: a hostile prefix allocates nothing.
//   - A stream that ends inside a prefix or a message is an error, never a short message.
//   - One buffer per reader, grown to the largest message within the bound and let go again after it.
//
// Thread safety: GrpcFraming is stateless; a GrpcMessageReader serves one reader at a time.
using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;

namespace Belay.Client.Grpc;

/// <summary>Writes messages with their prefix.</summary>
internal static class GrpcFraming
{
    /// <summary>Bytes before each message.</summary>
    public const int PrefixBytes = 5;

    /// <summary>Bytes of a message together with its prefix.</summary>
    public static int FramedSize(IMessage message) => PrefixBytes + message.CalculateSize();

    /// <summary>Writes prefix and message, exactly filling <paramref name="destination"/>.</summary>
    public static void Write(IMessage message, Span<byte> destination)
    {
        destination[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(destination[1..], destination.Length - PrefixBytes);
        message.WriteTo(destination[PrefixBytes..]);
    }
}

/// <summary>Reads messages from the body of a response.</summary>
internal sealed class GrpcMessageReader(Stream body, int maxMessageBytes) : IDisposable
{
    /// <summary>What one read of the body may bring, and the buffer's usual size.</summary>
    private const int UsualBytes = 64 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(UsualBytes);
    private int _start;
    private int _end;

    /// <summary>Reads the next message; false when the body ended between messages.</summary>
    /// <exception cref="GrpcException">The framing is broken, or the message is not what it should be.</exception>
    public async ValueTask<(bool Ended, T? Message)> ReadAsync<T>(
        MessageParser<T> parser, CancellationToken cancellationToken)
        where T : IMessage<T>
    {
        if (!await FillAsync(GrpcFraming.PrefixBytes, "message prefix", cancellationToken).ConfigureAwait(false))
            return (true, default);
        var size = TakePrefix();
        if (size > 0) await FillAsync(size, "message", cancellationToken).ConfigureAwait(false);
        return (false, Parse(parser, size));
    }

    /// <summary>Lets the buffer go. Not while a read is in progress.</summary>
    public void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0) ArrayPool<byte>.Shared.Return(buffer);
    }

    private int TakePrefix()
    {
        var prefix = _buffer.AsSpan(_start, GrpcFraming.PrefixBytes);
        if (prefix[0] == 1) throw Broken("a compressed message came, though no compression was offered");
        if (prefix[0] != 0) throw Broken($"the compressed flag is {prefix[0]}, not 0 or 1");
        var size = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (size > (uint)maxMessageBytes)
            throw new GrpcException(
                GrpcCode.ResourceExhausted, $"a message of {size} bytes came; the bound is {maxMessageBytes}");
        _start += GrpcFraming.PrefixBytes;
        return (int)size;
    }

    private T Parse<T>(MessageParser<T> parser, int size)
        where T : IMessage<T>
    {
        try
        {
            var message = parser.ParseFrom(_buffer.AsSpan(_start, size));
            _start += size;
            return message;
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new GrpcException(
                GrpcCode.Internal, $"a message of {size} bytes is not a {typeof(T).Name}: {e.Message}", false, e);
        }
    }

    /// <summary>Has <paramref name="count"/> bytes at the start; false if the body ended before the first.</summary>
    private async ValueTask<bool> FillAsync(int count, string what, CancellationToken cancellationToken)
    {
        if (_end - _start >= count) return true;
        MakeRoom(count);
        while (_end - _start < count)
        {
            var read = await body.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                if (_end == _start && what == "message prefix") return false;
                throw Broken($"the stream ended inside a {what}: {_end - _start} of {count} bytes");
            }

            _end += read;
        }

        return true;
    }

    private void MakeRoom(int count)
    {
        var held = _end - _start;
        var shrink = _buffer.Length > 2 * UsualBytes && count <= UsualBytes && held <= UsualBytes;
        if (count > _buffer.Length || shrink)
        {
            var bigger = ArrayPool<byte>.Shared.Rent(Math.Max(count, UsualBytes));
            _buffer.AsSpan(_start, held).CopyTo(bigger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = bigger;
        }
        else if (_start > 0)
        {
            _buffer.AsSpan(_start, held).CopyTo(_buffer);
        }

        _start = 0;
        _end = held;
    }

    private static GrpcException Broken(string what) => new(GrpcCode.Internal, $"broken gRPC framing: {what}");
}
