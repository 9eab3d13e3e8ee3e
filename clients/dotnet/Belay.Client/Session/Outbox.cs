// Operations on their way to the broker: a queue, which outlives connections.
//
// Invariants
//   - Operations leave in the order in which they were queued.
//   - Posting never waits and never fails for lack of anything: releases come from finalizers (R6). What can grow,
//     calls and replies, goes through PostAsync, which waits while too many bytes are queued; so what waits while there
//     is no connection is bounded, too.
//
// Thread safety: Post, PostAsync, Nudge and Complete from any thread; WaitAsync and Take by one writer at a time.
using System.Threading.Channels;

namespace Belay.Client.Session;

/// <summary>The queue towards the broker.</summary>
internal sealed class Outbox
{
    /// <summary>Queued bytes beyond which PostAsync waits. Soft: each waiting producer may add one operation.</summary>
    private const long MaxQueuedBytes = 8 * 1024 * 1024;

    /// <summary>What a queued operation costs besides its payload.</summary>
    public const int OverheadBytes = 64;

    private readonly Channel<Item> _queue = Channel.CreateUnbounded<Item>(
        new UnboundedChannelOptions { SingleReader = true });
    private readonly Lock _roomLock = new();
    private TaskCompletionSource? _room;
    private long _queuedBytes;
    private volatile bool _closed;

    /// <summary>Queues an operation without waiting.</summary>
    /// <param name="operation">Names handles by the program's numbers.</param>
    /// <param name="tracked">Learns that it is sent, or has it left out.</param>
    /// <param name="generation">Of the session that it is for; null: whichever there is.</param>
    public void Post(Wire.ClientOperation operation, ISendable? tracked = null, ulong? generation = null)
    {
        var bytes = operation.CalculateSize() + OverheadBytes;
        Interlocked.Add(ref _queuedBytes, bytes);
        if (!_queue.Writer.TryWrite(new Item(operation, tracked, generation, bytes)))
            Interlocked.Add(ref _queuedBytes, -bytes); // closed: nothing will be sent any more
    }

    /// <summary>Queues an operation as <see cref="Post"/> does, waiting first while too much is queued.</summary>
    public ValueTask PostAsync(
        Wire.ClientOperation operation, ISendable? tracked, ulong? generation, CancellationToken cancellationToken)
    {
        if (Interlocked.Read(ref _queuedBytes) > MaxQueuedBytes)
            return PostWhenRoomAsync(operation, tracked, generation, cancellationToken);
        Post(operation, tracked, generation);
        return default;
    }

    /// <summary>Wakes the writer, who has something of its own to say.</summary>
    public void Nudge() => _queue.Writer.TryWrite(default);

    /// <summary>Takes no more operations; the writer ends when the queued ones are written.</summary>
    public void Complete()
    {
        _closed = true;
        _queue.Writer.TryComplete();
        LetIn();
    }

    /// <summary>Waits until there is something to take; false: there will be nothing any more.</summary>
    public ValueTask<bool> WaitAsync(CancellationToken cancellationToken) =>
        _queue.Reader.WaitToReadAsync(cancellationToken);

    /// <summary>Takes what is ready for a frame: at least one operation, then more up to so many bytes.</summary>
    /// <param name="operations">Where to; empty before. With the handles of the present session.</param>
    /// <param name="maxBytes">Where the frame is full.</param>
    /// <param name="recovery">Knows the handles and which session it is.</param>
    /// <param name="refuse">Is told of an operation that names a handle of a session that is over.</param>
    public void Take(
        List<Wire.ClientOperation> operations, int maxBytes, Recovery recovery, Action<Wire.ClientOperation> refuse)
    {
        long bytes = 0;
        long taken = 0;
        while (_queue.Reader.TryPeek(out var item)
               && (operations.Count == 0 || bytes + item.Bytes <= maxBytes)
               && _queue.Reader.TryRead(out item))
        {
            taken += item.Bytes;
            if (item.Operation is not { } operation
                || (item.Generation is { } generation && generation != recovery.Generation)
                || item.Tracked?.TryBeginSend() == false)
                continue;
            if (!recovery.Translate(operation))
            {
                refuse(operation);
                continue;
            }

            bytes += item.Bytes;
            operations.Add(operation);
        }

        if (Interlocked.Add(ref _queuedBytes, -taken) <= MaxQueuedBytes / 2)
            LetIn();
    }

    private async ValueTask PostWhenRoomAsync(
        Wire.ClientOperation operation, ISendable? tracked, ulong? generation, CancellationToken cancellationToken)
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

        Post(operation, tracked, generation);
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

    /// <summary>A queued operation; without one, a nudge.</summary>
    private readonly record struct Item(
        Wire.ClientOperation? Operation, ISendable? Tracked, ulong? Generation, int Bytes);
}
