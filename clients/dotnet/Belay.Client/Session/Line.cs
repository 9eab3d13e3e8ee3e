// The numbered sequence of operations between a client and its session, over as many connections as it takes (W3, W9).
// It knows frames, not connections, and no time: SessionStream has both.
//
// Where the session can be resumed, frames are kept until the broker has acknowledged them. A connection begins with
// Hello and Welcome; those of one that resumes say, as the acks of their frames, how far the other side has got, and
// what is beyond is sent again with the numbers that it had.
//
// Invariants
//   - Operations are numbered in the order of Pack(), without gaps, and each reaches the broker's session once.
//   - Of what the broker sends again the operations that have come before are not new.
//
// Thread safety: one writer (Hello, Pack, TakeUnacknowledged) beside one reader (Receive); Restart between connections.
using Belay.Client.Grpc;

namespace Belay.Client.Session;

/// <summary>The numbering of a session.</summary>
internal sealed class Line(Wire.Hello hello)
{
    /// <summary>Received operations, and bytes, after which an acknowledgement goes out by itself.</summary>
    private const ulong AckEvery = 256;
    private const long AckEveryBytes = 512 * 1024;

    private readonly Lock _lock = new();
    private readonly Queue<Wire.ClientFrame> _kept = new();
    private Wire.Welcome? _welcome;
    private bool _greeted;
    private ulong _sent;
    private ulong _received;
    private ulong _acknowledged;
    private long _unacknowledgedBytes;

    /// <summary>Whether the broker has a session that another connection may go on with.</summary>
    public bool CanResume => _welcome is { ResumeToken.Length: > 0 };

    /// <summary>Operations sent in this session.</summary>
    public ulong Sent
    {
        get
        {
            lock (_lock)
                return _sent;
        }
    }

    /// <summary>Whether the broker should be told soon how far it was heard.</summary>
    public bool IsAckDue
    {
        get
        {
            lock (_lock)
                return _received - _acknowledged >= AckEvery || _unacknowledgedBytes >= AckEveryBytes;
        }
    }

    /// <summary>The broker has no session of ours any more: the next connection begins a new one.</summary>
    public void Restart()
    {
        lock (_lock)
        {
            _kept.Clear();
            _welcome = null;
            _sent = _received = _acknowledged = 0;
            _unacknowledgedBytes = 0;
        }
    }

    /// <summary>The first frame of a connection.</summary>
    public Wire.ClientFrame Hello()
    {
        lock (_lock)
        {
            _greeted = false;
            var first = hello.Clone();
            var frame = new Wire.ClientFrame { Operations = { new Wire.ClientOperation { Hello = first } } };
            if (CanResume)
                first.ResumeToken = _welcome!.ResumeToken;
            else
                frame.FirstSequence = _sent = 1;
            return Acknowledge(frame);
        }
    }

    /// <summary>What the broker said it has not got, in a connection that has just resumed.</summary>
    public IReadOnlyList<Wire.ClientFrame> TakeUnacknowledged()
    {
        lock (_lock)
            return _kept.Select(Acknowledge).ToArray();
    }

    /// <summary>The next frame, of these operations; without any it acknowledges only.</summary>
    public Wire.ClientFrame Pack(IReadOnlyList<Wire.ClientOperation> operations)
    {
        lock (_lock)
        {
            var frame = new Wire.ClientFrame { FirstSequence = _sent + 1, Operations = { operations } };
            _sent += (ulong)operations.Count;
            if (CanResume && operations.Count > 0)
                _kept.Enqueue(frame);
            return Acknowledge(frame);
        }
    }

    /// <summary>Takes a frame in.</summary>
    /// <param name="frame">The frame.</param>
    /// <returns>The index of its first operation that has not come before.</returns>
    /// <exception cref="GrpcException">It breaks the protocol.</exception>
    public int Receive(Wire.ServerFrame frame)
    {
        lock (_lock)
        {
            if (!_greeted && CanResume)
                return ReceiveGreeting(frame);
            Drop(frame.Ack);
            if (frame.Operations.Count == 0)
                return 0;
            var due = _received + 1;
            // Only what may come again over another connection may come twice.
            if (frame.FirstSequence != due && (!CanResume || frame.FirstSequence == 0 || frame.FirstSequence > due))
                throw Broken($"operation {due} was due, {frame.FirstSequence} came");
            var known = (int)Math.Min(due - frame.FirstSequence, (ulong)frame.Operations.Count);
            _received += (ulong)(frame.Operations.Count - known);
            _unacknowledgedBytes += frame.CalculateSize();
            if (!_greeted && frame.Operations[0].Welcome is { } welcome)
            {
                _greeted = true;
                _welcome = welcome;
            }

            return known;
        }
    }

    /// <summary>Of a Goodbye that answers a Hello that resumes the number means nothing.</summary>
    private int ReceiveGreeting(Wire.ServerFrame frame)
    {
        if (frame.Operations is [{ Goodbye: not null }])
            return 0;
        if (frame.Operations is not [{ Welcome.Resumed: true }])
            throw Broken("it answered neither Welcome nor Goodbye to a session that comes back");
        Drop(frame.Ack);
        _greeted = true;
        return 0;
    }

    private Wire.ClientFrame Acknowledge(Wire.ClientFrame frame)
    {
        frame.Ack = _acknowledged = _received;
        _unacknowledgedBytes = 0;
        return frame;
    }

    private void Drop(ulong ack)
    {
        if (ack > _sent)
            throw Broken($"it acknowledged operation {ack} of {_sent} that were sent");
        while (_kept.TryPeek(out var frame) && frame.FirstSequence + (ulong)frame.Operations.Count - 1 <= ack)
            _kept.Dequeue();
    }

    private static GrpcException Broken(string what) =>
        new(GrpcCode.Internal, $"the broker broke the protocol: {what}");
}
