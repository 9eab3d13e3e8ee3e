// A part of a keyspace: from a key on, up to another one.
//
// Invariants: Start belongs to the range, End does not; an empty Start or End is no bound, for no key is empty.
// Thread safety: immutable as long as nobody writes to the memory given.
namespace Belay;

/// <summary>Keys that follow each other. The default is all keys.</summary>
public readonly struct KeyRange
{
    private KeyRange(ReadOnlyMemory<byte> start, ReadOnlyMemory<byte> end)
    {
        Start = start;
        End = end;
    }

    /// <summary>All keys.</summary>
    public static KeyRange All => default;

    /// <summary>First key of the range; empty: from the beginning.</summary>
    public ReadOnlyMemory<byte> Start { get; }

    /// <summary>The range ends before it; empty: to the end.</summary>
    public ReadOnlyMemory<byte> End { get; }

    /// <summary>The keys from one on up to, and without, another.</summary>
    /// <param name="start">First key; empty: from the beginning.</param>
    /// <param name="end">First key beyond; empty: to the end.</param>
    public static KeyRange Between(ReadOnlyMemory<byte> start, ReadOnlyMemory<byte> end) => new(start, end);

    /// <summary>The keys that begin so.</summary>
    /// <param name="prefix">How they begin; empty: all.</param>
    public static KeyRange Prefix(ReadOnlyMemory<byte> prefix)
    {
        // The first key beyond: the last byte that is not 0xff grows by one, and those behind it go.
        var size = prefix.Length;
        while (size > 0 && prefix.Span[size - 1] == 0xff)
            size--;
        if (size == 0)
            return new(prefix, default); // 0xff only: nothing lies beyond.
        var end = prefix[..size].ToArray();
        end[^1]++;
        return new(prefix, end);
    }

    /// <summary>What a scan in the given direction has before it once it has returned <paramref name="key"/>.</summary>
    internal KeyRange After(ReadOnlyMemory<byte> key, bool reverse)
    {
        if (key.IsEmpty)
            return this;
        if (reverse)
            return End.IsEmpty || key.Span.SequenceCompareTo(End.Span) < 0 ? new(Start, key) : this;
        if (key.Span.SequenceCompareTo(Start.Span) < 0)
            return this;
        // The next key there can be has a zero behind it.
        var next = new byte[key.Length + 1];
        key.CopyTo(next);
        return new(next, End);
    }
}
