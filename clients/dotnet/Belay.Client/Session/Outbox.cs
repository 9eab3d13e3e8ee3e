// Operations on their way to the broker: a queue, and the loop that packs them into frames.
//
// Invariants
//   - Operations leave in the order in which they were queued, numbered from 1 without gaps.
//   - A frame holds what is queued, up to the frame bound; it is flushed when the queue is empty. So a lone operation
//     leaves at once, and under load many share a frame.
//   - Posting never waits and never fails for lack of anything: releases come from finalizers (R6). What can grow,
//     calls and replies, goes through PostAsync, which waits while too many bytes are queued.
//
// Thread safety: Post, PostAsync and Complete from any thread; RunAsync once.
using System.Threading.Channels;
using Belay.Client.Grpc;

namespace Belay.Client.Session;

/// <summary>The queue towards the broker.</summary>
internal sealed class Outbox
{
    /// <summary>Queued bytes beyond which PostAsync waits. Soft: each waiting producer may add one operation.</summary>
    private const long MaxQueuedBytes = 8 * 1024 * 1024;

    /// <summary>What a queued operation costs besides its payload.</summary>
    public const int OverheadBytes = 64;

    /// <summary>Where a frame is big enough although more is queued: larger ones only delay the first
    /// operation.</summary>
    private const int UsualFrameBytes = 64 * 1024;

    /// <summary>Received operations after which an acknowledgement goes out even if nothing else does.</summary>
    private const ulong AckEvery = 256;

    private readonly Channel<Item> _queue = Channel.CreateUnbounded<Item>(
        new UnboundedChannelOptions { SingleReader = true });
    private readonly object _roomLock = new();
    private TaskCompletionSource? _room;
    private long _queuedBytes;
    private ulong _nextSequence = 1;
    private ulong _received;
    private ulong _acknowledged;
    private volatile bool _closed;

    /// <summary>Frames written, for those who want to know how well operations pack.</summary>
    public long FramesWritten { get; private set; }

    /// <summary>Operations written.</summary>
    public ulong OperationsWritten => _nextSequence - 1;

    /// <summary>Queues an operation without waiting.</summary>
    public void Post(Wire.ClientOperation operation, ISendable? tracked = null)
    {
        var bytes = operation.CalculateSize() + OverheadBytes;
        Interlocked.Add(ref _queuedBytes, bytes);
        if (!_queue.Writer.TryWrite(new Item(operation, tracked, bytes)))
            Interlocked.Add(ref _queuedBytes, -bytes); // closed: nothing will be sent any more
    }

    /// <summary>Queues an operation, waiting first while too much is queued.</summary>
    public ValueTask PostAsync(Wire.ClientOperation operation, ISendable? tracked, CancellationToken cancellationToken)
    {
        if (Interlocked.Read(ref _queuedBytes) > MaxQueuedBytes)
            return PostWhenRoomAsync(operation, tracked, cancellationToken);
        Post(operation, tracked);
        return default;
    }

    /// <summary>Remembers how far the other side was heard, to be told to it by the next frame.</summary>
    public void Heard(ulong sequence)
    {
        Volatile.Write(ref _received, sequence);
        if (sequence - Volatile.Read(ref _acknowledged) >= AckEvery)
            _queue.Writer.TryWrite(default);
    }

    /// <summary>Takes no more operations; the loop ends when the queued ones are written.</summary>
    public void Complete()
    {
        _closed = true;
        _queue.Writer.TryComplete();
        LetIn();
    }

    /// <summary>Writes until <see cref="Complete"/>, then says so to the broker.</summary>
    /// <param name="call">Where to.</param>
    /// <param name="maxFrameBytes">The broker's bound, known once it has said Welcome.</param>
    /// <exception cref="GrpcException">The connection failed.</exception>
    public async Task RunAsync(IGrpcDuplexCall<Wire.ClientFrame, Wire.ServerFrame> call, Func<int> maxFrameBytes)
    {
        var frame = new Wire.ClientFrame();
        while (await _queue.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            while (Fill(frame, Math.Min(UsualFrameBytes, maxFrameBytes())))
            {
                await call.WriteAsync(frame).ConfigureAwait(false);
                FramesWritten++;
            }

            await call.FlushAsync().ConfigureAwait(false);
        }

        call.Complete();
    }

    /// <summary>Makes a frame of what is queued; false: there is nothing to say.</summary>
    private bool Fill(Wire.ClientFrame frame, int maxBytes)
    {
        frame.Operations.Clear();
        long bytes = 0;
        while (_queue.Reader.TryPeek(out var item)
               && (frame.Operations.Count == 0 || bytes + item.Bytes <= maxBytes)
               && _queue.Reader.TryRead(out item))
        {
            bytes += item.Bytes;
            if (item.Operation is { } operation && (item.Tracked is null || item.Tracked.TryBeginSend()))
                frame.Operations.Add(operation);
        }

        if (Interlocked.Add(ref _queuedBytes, -bytes) <= MaxQueuedBytes / 2)
            LetIn();
        var heard = Volatile.Read(ref _received);
        if (frame.Operations.Count == 0 && heard - _acknowledged < AckEvery)
            return false;
        frame.FirstSequence = _nextSequence;
        frame.Ack = heard;
        Volatile.Write(ref _acknowledged, heard);
        _nextSequence += (ulong)frame.Operations.Count;
        return true;
    }

    private async ValueTask PostWhenRoomAsync(
        Wire.ClientOperation operation, ISendable? tracked, CancellationToken cancellationToken)
    {
        while (Interlocked.Read(ref _queuedBytes) > MaxQueuedBytes && !_closed)
        {
            Task room;
            lock (_roomLock)
            {
                _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                room = _room.Task;
            }

            // Looked at again: the loop may have made room, or closed, before the source was there to be told.
            if (_closed || Interlocked.Read(ref _queuedBytes) <= MaxQueuedBytes)
                break;
            await room.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        Post(operation, tracked);
    }

    private void LetIn()
    {
        TaskCompletionSource? room;
        lock (_roomLock)
        {
            room = _room;
            _room = null;
        }

        room?.TrySetResult();
    }

    /// <summary>A queued operation; without one, a nudge to acknowledge.</summary>
    private readonly record struct Item(Wire.ClientOperation? Operation, ISendable? Tracked, int Bytes);
}
