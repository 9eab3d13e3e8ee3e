// Where a callback writes its answer. One is kept per thread and reused, so that a call allocates nothing.
//
// Invariants: Rent and Return nest like the calls of a thread; a writer is used by one call at a time; a buffer that one
// big answer made big is not kept.
// Thread safety: a writer belongs to the thread that rented it.
using System.Buffers;

namespace Belay.Native;

internal sealed class ReplyWriter : IBufferWriter<byte>
{
    private const int InitialSize = 1024;
    private const int LargestKept = 64 * 1024;

    [ThreadStatic]
    private static ReplyWriter? t_spare;

    private byte[] _buffer = GC.AllocateUninitializedArray<byte>(InitialSize);
    private int _written;
    private bool _rented;

    /// <summary>This thread's writer, or a new one when a call is nested in another.</summary>
    internal static ReplyWriter Rent()
    {
        var writer = t_spare ?? new ReplyWriter();
        t_spare = null;
        writer._rented = true;
        return writer;
    }

    /// <summary>The call is over.</summary>
    internal void Return()
    {
        _written = 0;
        _rented = false;
        if (_buffer.Length > LargestKept)
            _buffer = GC.AllocateUninitializedArray<byte>(InitialSize);
        t_spare = this;
    }

    /// <summary>Hands the answer to the caller: into its buffer if it fits, else for the library to keep.</summary>
    internal unsafe int Send(NativeCall* call)
    {
        var answer = _buffer.AsSpan(0, _written);
        if ((ulong)answer.Length <= call->ReplyCapacity)
        {
            answer.CopyTo(new Span<byte>(call->Reply, answer.Length));
            call->ReplySize = (ulong)answer.Length;
            return Status.Ok;
        }
        fixed (byte* data = answer)
            return NativeMethods.CallReply(call, data, (ulong)answer.Length);
    }

    public void Advance(int count)
    {
        ObjectDisposedException.ThrowIf(!_rented, this);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - _written);
        _written += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _buffer.AsMemory(_written);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _buffer.AsSpan(_written);
    }

    private void Reserve(int sizeHint)
    {
        ObjectDisposedException.ThrowIf(!_rented, this);
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        var needed = Math.Max(sizeHint, 1);
        if (_buffer.Length - _written >= needed)
            return;
        var size = Math.Max(checked(_written + needed), (int)Math.Min(Array.MaxLength, 2L * _buffer.Length));
        var larger = GC.AllocateUninitializedArray<byte>(size);
        _buffer.AsSpan(0, _written).CopyTo(larger);
        _buffer = larger;
    }
}
