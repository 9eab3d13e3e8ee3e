// A scan in progress.
//
// Invariants: exclusive: a second thread in Next is an InvalidOperationException, never a race; a row larger than the
// buffer makes the buffer grow, and no row is skipped.
// Thread safety: Next by one thread at a time; Dispose by any, also while another is in Next.
using Belay.Native;

namespace Belay;

/// <summary>A scan over one snapshot of the store. Dispose it: it holds the snapshot, and the filter.</summary>
public sealed unsafe class Cursor : IDisposable
{
    private const int InitialSize = 64 * 1024;

    private readonly ObjectHandle _handle;
    private readonly StoreReader _store;
    private readonly Task? _released;
    private byte[] _buffer = [];
    private int _inUse;

    internal Cursor(ObjectHandle handle, StoreReader store, Task? released)
    {
        _handle = handle;
        _store = store;
        _released = released;
    }

    /// <summary>The store or snapshot that is scanned.</summary>
    public StoreReader Store => _store;

    /// <summary>The handle's number.</summary>
    public ulong Handle => _handle.Value;

    /// <summary>
    /// Completes when the filter and projection given as delegates have ended, which is after <see cref="Dispose"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">The scan has no filter of its own.</exception>
    public Task FilterReleased => _released ??
        throw new InvalidOperationException("This scan has no filter, or one that lives on its own.");

    /// <summary>Reads the next rows.</summary>
    /// <param name="rows">The rows; gone at the next call.</param>
    /// <returns>False: there are no more.</returns>
    /// <exception cref="BelayException"><see cref="BelayStatus.CallbackFailed"/>: the filter failed.</exception>
    /// <exception cref="InvalidOperationException">Another thread is using the cursor.</exception>
    public bool Next(out RowBlock rows)
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        if (Interlocked.Exchange(ref _inUse, 1) != 0)
        {
            throw new InvalidOperationException(
                "This cursor is being read by another thread: a cursor belongs to one reader at a time, begin a scan for each.");
        }
        try
        {
            if (_buffer.Length == 0)
                _buffer = GC.AllocateUninitializedArray<byte>(InitialSize);
            while (true)
            {
                var status = Fill(_buffer, out var size);
                switch ((BelayStatus)status)
                {
                    case BelayStatus.Ok:
                        rows = new RowBlock(_buffer.AsSpan(0, (int)size));
                        return true;
                    case BelayStatus.End:
                        rows = default;
                        return false;
                    case BelayStatus.BufferTooSmall:
                        _buffer = GC.AllocateUninitializedArray<byte>(checked((int)size));
                        break;
                    default:
                        Status.Throw(status, _handle);
                        break;
                }
            }
        }
        finally
        {
            Volatile.Write(ref _inUse, 0);
        }
    }

    /// <summary>Ends the scan. Harmless twice.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>Copies of the next rows; null: there are no more.</summary>
    internal List<Row>? NextRows() => Next(out var rows) ? rows.ToList() : null;

    private int Fill(byte[] buffer, out ulong size)
    {
        ulong needed = 0;
        int status;
        fixed (byte* data = buffer)
            status = NativeMethods.CursorNext(Handle, data, (ulong)buffer.Length, &needed);
        GC.KeepAlive(this);
        size = needed;
        return status;
    }
}
