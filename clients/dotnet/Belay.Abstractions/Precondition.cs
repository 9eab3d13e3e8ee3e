// What must hold of a key for a write to happen. One condition at most, which is why it is one value and not three.
//
// Thread safety: immutable as long as nobody writes to the memory given.
namespace Belay;

/// <summary>A condition on one key, as it is before the write. The default is none.</summary>
public readonly record struct Precondition
{
    private Precondition(PreconditionKind kind, ulong revision, ReadOnlyMemory<byte> value)
    {
        Kind = kind;
        ExpectedRevision = revision;
        ExpectedValue = value;
    }

    /// <summary>No condition.</summary>
    public static Precondition None => default;

    /// <summary>The key does not exist. If it does: reason <c>KEY_EXISTS</c>.</summary>
    public static Precondition Absent => new(PreconditionKind.Absent, 0, default);

    internal PreconditionKind Kind { get; }
    internal ulong ExpectedRevision { get; }
    internal ReadOnlyMemory<byte> ExpectedValue { get; }

    /// <summary>The key was last changed at this revision. If not: reason <c>REVISION_MISMATCH</c>.</summary>
    /// <param name="revision">1 or more; for a key that does not exist there is <see cref="Absent"/>.</param>
    public static Precondition Revision(ulong revision)
    {
        ArgumentOutOfRangeException.ThrowIfZero(revision);
        return new(PreconditionKind.Revision, revision, default);
    }

    /// <summary>The key has this value. If not: reason <c>VALUE_MISMATCH</c>.</summary>
    /// <param name="value">At most 64 MiB.</param>
    public static Precondition Value(ReadOnlyMemory<byte> value) => new(PreconditionKind.Value, 0, value);
}

internal enum PreconditionKind
{
    None,
    Absent,
    Revision,
    Value,
}
