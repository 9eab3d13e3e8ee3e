// Filtered scans in progress on the session's stream: rows that came and were not read yet.
//
// Invariants
//   - The reader of the session never waits for a slow reader of rows. A scan whose unread rows exceed the bound fails
//     by itself with RESOURCE_EXHAUSTED and disturbs nobody. (Scans without a filter run on a stream of their own,
//     where HTTP/2 makes the broker wait; see RemoteStore.)
//   - Rows of a scan that nobody reads any more are dropped.
//
// Thread safety: Add and Drop from any thread; Take from the session's reader; one reader per Rows channel.
using System.Collections.Concurrent;
using System.Threading.Channels;
using Google.Protobuf;

namespace Belay.Client.Session;

/// <summary>The scans of a session, by request id.</summary>
internal sealed class Scans
{
    private readonly ConcurrentDictionary<ulong, Scan> _scans = new();

    /// <summary>Begins to take rows for a request.</summary>
    public Scan Add(ulong requestId, long maxUnreadBytes)
    {
        var scan = new Scan(maxUnreadBytes);
        _scans[requestId] = scan;
        return scan;
    }

    /// <summary>Takes no more rows for a request.</summary>
    public void Drop(ulong requestId) => _scans.TryRemove(requestId, out _);

    /// <summary>Rows have come.</summary>
    public void Take(Wire.Rows rows)
    {
        if (_scans.TryGetValue(rows.RequestId, out var scan) && !scan.TryAdd(rows.Block))
            Drop(rows.RequestId);
    }

    /// <summary>The session is over: no more rows will come.</summary>
    public void FailAll(Exception over)
    {
        foreach (var scan in _scans.Values)
            scan.End(over);
    }

    /// <summary>One scan's unread rows.</summary>
    internal sealed class Scan
    {
        private readonly Channel<ByteString> _blocks =
            Channel.CreateUnbounded<ByteString>(new UnboundedChannelOptions { SingleReader = true });

        private readonly long _maxUnreadBytes;
        private long _unreadBytes;

        /// <summary>Makes one.</summary>
        public Scan(long maxUnreadBytes) => _maxUnreadBytes = maxUnreadBytes;

        /// <summary>Row blocks as they come; each must be given to <see cref="Read"/> when taken.</summary>
        public IAsyncEnumerable<ByteString> BlocksAsync(CancellationToken cancellationToken) =>
            _blocks.Reader.ReadAllAsync(cancellationToken);

        /// <summary>A block was read.</summary>
        public void Read(ByteString block) => Interlocked.Add(ref _unreadBytes, -block.Length);

        /// <summary>No more rows; null: the scan ended well.</summary>
        public void End(Exception? error) => _blocks.Writer.TryComplete(error);

        /// <summary>Adds a block; false: the scan has ended.</summary>
        public bool TryAdd(ByteString block)
        {
            if (Interlocked.Add(ref _unreadBytes, block.Length) > _maxUnreadBytes)
            {
                End(new BelayException(
                    BelayStatus.ResourceExhausted,
                    "SCAN_READER_TOO_SLOW",
                    $"more than {_maxUnreadBytes} bytes of filtered rows were waiting to be read (MaxUnreadScanBytes)",
                    CallCertainty.Started));
                return false;
            }

            return _blocks.Writer.TryWrite(block);
        }
    }
}
