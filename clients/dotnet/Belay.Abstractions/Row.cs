// Rows: an owned copy (Row) and a view into a block (RowView).
//
// Thread safety: Row is immutable as long as nobody writes to its arrays; RowView lives on one thread's stack.
namespace Belay;

/// <summary>What happened to a key. The numbers are those of belay.h.</summary>
public enum RowKind
{
    /// <summary>It has this value.</summary>
    Put = 1,
    /// <summary>It was deleted.</summary>
    Delete = 2,

    /// <summary>What the key of the next row had before; only for hooks that ask for it.</summary>
    Old = 3,

    /// <summary>
    /// To a watch that has missed changes, without a key: forget what you know, the state at the row's revision
    /// follows, as puts.
    /// </summary>
    Reset = 4,

    /// <summary>To a watch, without a key: that was all of the state, changes follow.</summary>
    Synced = 5,
}

/// <summary>One row of the store, copied.</summary>
/// <param name="Kind">Whether the key has a value or was deleted.</param>
/// <param name="Revision">Revision of the change.</param>
/// <param name="Key">The key.</param>
/// <param name="Value">The value; empty for a deletion and where only keys were asked for.</param>
public sealed record Row(RowKind Kind, ulong Revision, byte[] Key, byte[] Value)
{
    /// <summary>Of a deletion: whether the key's time had come.</summary>
    public bool Expired { get; init; }
}

/// <summary>One row of a block, in place.</summary>
public readonly ref struct RowView
{
    internal const uint ExpiredFlag = 1;

    private readonly uint _flags;

    internal RowView(RowKind kind, ulong revision, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, uint flags)
    {
        _flags = flags;
        Kind = kind;
        Revision = revision;
        Key = key;
        Value = value;
    }

    /// <summary>Whether the key has a value or was deleted.</summary>
    public RowKind Kind { get; }

    /// <summary>Revision of the change.</summary>
    public ulong Revision { get; }

    /// <summary>The key.</summary>
    public ReadOnlySpan<byte> Key { get; }

    /// <summary>The value; empty for a deletion and where only keys were asked for.</summary>
    public ReadOnlySpan<byte> Value { get; }

    /// <summary>Of a deletion: whether the key's time had come.</summary>
    public bool Expired => (_flags & ExpiredFlag) != 0;

    /// <summary>A copy that outlives the block.</summary>
    public Row ToRow() => new(Kind, Revision, Key.ToArray(), Value.ToArray()) { Expired = Expired };
}
