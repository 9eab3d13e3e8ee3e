// The row block: what scans return, and what filters and watches receive. Reads it in place.
//
// Format, little-endian: u32 format = 1, u32 row_count, then per row u64 revision, u32 kind, u32 key_size,
// u32 value_size, u32 flags, key, value. Bit 0 of the flags says of a delete that the key expired.
//
// Invariants: every length is checked against what is left before it is believed, so that a truncated or foreign block
// is BelayStatus.DataLoss and never a read beyond it.
// Thread safety: a view on one thread's stack.
using System.Buffers.Binary;

namespace Belay;

/// <summary>A block of rows, read in place. Enumerate it with <c>foreach</c>.</summary>
public readonly ref struct RowBlock
{
    internal const uint Format = 1;
    internal const int HeaderSize = 8;
    internal const int RowHeaderSize = 24;

    private readonly ReadOnlySpan<byte> _block;

    /// <summary>Looks at a block.</summary>
    /// <param name="block">Its bytes; must outlive the view. Empty: no rows.</param>
    /// <exception cref="BelayException"><see cref="BelayStatus.DataLoss"/>: not a row block.</exception>
    public RowBlock(ReadOnlySpan<byte> block)
    {
        _block = block;
        if (block.IsEmpty)
            return;
        if (block.Length < HeaderSize)
            throw Damaged($"{block.Length} bytes are too few for its header");
        var format = BinaryPrimitives.ReadUInt32LittleEndian(block);
        if (format != Format)
            throw Damaged($"its format is {format}, this library reads {Format}");
        var count = BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);
        if (count > (uint)(block.Length - HeaderSize) / RowHeaderSize)
            throw Damaged($"{block.Length} bytes are too few for the {count} rows it announces");
        Count = (int)count;
    }

    /// <summary>How many rows it has.</summary>
    public int Count { get; }

    /// <summary>Copies all rows.</summary>
    public List<Row> ToList()
    {
        var rows = new List<Row>(Count);
        foreach (var row in this)
            rows.Add(row.ToRow());
        return rows;
    }

    /// <summary>The rows as who asked for old values thinks of them: each change with what its key has before it.</summary>
    public RowChanges Changes => new(this);

    /// <summary>Begins at the first row.</summary>
    public Enumerator GetEnumerator() => new(_block, Count);

    /// <summary>The answer to a question for several keys: rows in the order of the keys, none for a key that is not there.</summary>
    internal static StoredValue?[] Match(ReadOnlySpan<byte> block, IReadOnlyList<ReadOnlyMemory<byte>> keys)
    {
        var values = new StoredValue?[keys.Count];
        var i = 0;
        foreach (var row in new RowBlock(block))
        {
            while (i < values.Length && !row.Key.SequenceEqual(keys[i].Span))
                i++;
            if (i == values.Length)
                throw Damaged("it holds a key that was not asked for");
            values[i++] = new StoredValue(row.Value.ToArray(), row.Revision);
        }
        return values;
    }

    private static BelayException Damaged(string what) =>
        new(BelayStatus.DataLoss, "ROW_BLOCK_DAMAGED", $"the row block cannot be read: {what}");

    /// <summary>Steps through a block.</summary>
    public ref struct Enumerator
    {
        private ReadOnlySpan<byte> _rest;
        private int _left;

        internal Enumerator(ReadOnlySpan<byte> block, int count)
        {
            _rest = count == 0 ? default : block[HeaderSize..];
            _left = count;
            Current = default;
        }

        /// <summary>The row at hand.</summary>
        public RowView Current { get; private set; }

        /// <summary>Goes to the next row.</summary>
        /// <exception cref="BelayException"><see cref="BelayStatus.DataLoss"/>: the block is cut off.</exception>
        public bool MoveNext()
        {
            if (_left == 0)
                return false;
            if (_rest.Length < RowHeaderSize)
                throw Damaged("it ends within a row's header");
            var revision = BinaryPrimitives.ReadUInt64LittleEndian(_rest);
            var kind = BinaryPrimitives.ReadUInt32LittleEndian(_rest[8..]);
            var keySize = BinaryPrimitives.ReadUInt32LittleEndian(_rest[12..]);
            var valueSize = BinaryPrimitives.ReadUInt32LittleEndian(_rest[16..]);
            var flags = BinaryPrimitives.ReadUInt32LittleEndian(_rest[20..]);
            _rest = _rest[RowHeaderSize..];
            if ((ulong)keySize + valueSize > (ulong)_rest.Length)
                throw Damaged("it ends within a row");
            Current = new((RowKind)kind, revision, _rest[..(int)keySize], _rest.Slice((int)keySize, (int)valueSize),
                          flags);
            _rest = _rest[(int)(keySize + valueSize)..];
            _left--;
            return true;
        }
    }
}
