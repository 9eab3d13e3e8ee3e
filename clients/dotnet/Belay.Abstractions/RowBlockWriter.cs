// Makes row blocks, and the bitmaps by which filters answer them.
//
// Invariants: what RowBlockWriter wrote, RowBlock reads back equal; a bitmap has ceil(rows/8) bytes, and bit i, lowest
// first, keeps row i; one more byte, of value 1, ends the scan.
// Thread safety: one thread at a time.
using System.Buffers;
using System.Buffers.Binary;

namespace Belay;

/// <summary>Writes a row block: what a validator wants committed, and for tests of filters.</summary>
public sealed class RowBlockWriter
{
    private readonly ArrayBufferWriter<byte> _rows = new();
    private uint _count;

    /// <summary>Makes an empty block.</summary>
    public RowBlockWriter() => Clear();

    /// <summary>The block as written so far; valid until the next <see cref="Add"/> or <see cref="Clear"/>.</summary>
    public ReadOnlyMemory<byte> Block => _rows.WrittenMemory;

    /// <summary>Adds a row that gives a key a value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Add(RowKind.Put, 0, key, value);

    /// <summary>Adds a row that deletes a key.</summary>
    /// <param name="key">The key.</param>
    public void Delete(ReadOnlySpan<byte> key) => Add(RowKind.Delete, 0, key, default);

    /// <summary>Adds a row.</summary>
    /// <param name="kind">Whether the key has a value or was deleted.</param>
    /// <param name="revision">Revision of the change.</param>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    public void Add(RowKind kind, ulong revision, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var header = _rows.GetSpan(RowBlock.RowHeaderSize);
        BinaryPrimitives.WriteUInt64LittleEndian(header, revision);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], (uint)kind);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], (uint)key.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], (uint)value.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 0);
        _rows.Advance(RowBlock.RowHeaderSize);
        _rows.Write(key);
        _rows.Write(value);
        _count++;
        BinaryPrimitives.WriteUInt32LittleEndian(Header[4..], _count);
    }

    /// <summary>Starts over.</summary>
    public void Clear()
    {
        _rows.ResetWrittenCount();
        _count = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(_rows.GetSpan(RowBlock.HeaderSize), RowBlock.Format);
        BinaryPrimitives.WriteUInt32LittleEndian(_rows.GetSpan(RowBlock.HeaderSize)[4..], 0);
        _rows.Advance(RowBlock.HeaderSize);
    }

    private Span<byte> Header => System.Runtime.InteropServices.MemoryMarshal.AsMemory(_rows.WrittenMemory).Span;
}

/// <summary>A filter's answer: which rows of a block to keep, and whether the scan ends with it.</summary>
public static class RowBitmap
{
    internal const byte EndsScan = 1;

    /// <summary>Bytes of the bitmap for so many rows.</summary>
    /// <param name="rows">Number of rows.</param>
    public static int SizeFor(int rows) => (rows + 7) / 8;

    /// <summary>Whether row <paramref name="index"/> is kept.</summary>
    /// <param name="bitmap">The bitmap.</param>
    /// <param name="index">Which row.</param>
    public static bool Keeps(ReadOnlySpan<byte> bitmap, int index) => (bitmap[index >> 3] & (1 << (index & 7))) != 0;

    /// <summary>Asks a filter about every row of a block and writes its answer.</summary>
    /// <param name="filter">The filter.</param>
    /// <param name="block">A row block.</param>
    /// <param name="bitmap">Takes the bitmap.</param>
    public static void Write(RowFilter filter, ReadOnlySpan<byte> block, IBufferWriter<byte> bitmap)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentNullException.ThrowIfNull(bitmap);
        var rows = new RowBlock(block);
        var size = SizeFor(rows.Count);
        if (size == 0)
            return;
        var bits = bitmap.GetSpan(size + 1)[..(size + 1)];
        bits.Clear();
        var i = 0;
        foreach (var row in rows)
        {
            var decision = filter(row);
            if (decision.Keeps)
                bits[i >> 3] |= (byte)(1 << (i & 7));
            if (decision.Ends)
            {
                bits[size++] = EndsScan;
                break;
            }
            i++;
        }
        bitmap.Advance(size);
    }
}
