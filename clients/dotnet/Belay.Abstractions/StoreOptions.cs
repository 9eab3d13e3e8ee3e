// What can be said along with reads, writes and hooks of the store.
//
// Thread safety: immutable.
namespace Belay;

/// <summary>When a write counts as done.</summary>
public enum Durability
{
    /// <summary>Once it is on disk: it survives the process and the machine.</summary>
    Sync = 0,

    /// <summary>
    /// Once it is visible and in order: it survives the process; a machine that goes down may lose it together with the
    /// asynchronous writes after it.
    /// </summary>
    Async = 1,
}

/// <summary>How a write of one key is to be done.</summary>
public readonly record struct WriteOptions
{
    /// <summary>Without waiting for the disk, and without a condition.</summary>
    public static WriteOptions Async => new() { Durability = Durability.Async };

    /// <summary>Only if the condition holds.</summary>
    /// <param name="condition">The condition.</param>
    public static WriteOptions OnlyIf(Precondition condition) => new() { If = condition };

    /// <summary>When it counts as done.</summary>
    public Durability Durability { get; init; }

    /// <summary>Only if this holds of the key; by default there is no condition.</summary>
    public Precondition If { get; init; }

    /// <summary>
    /// Of a put: the key is deleted after this time, by the wall clock and as a commit that watches see; null: never.
    /// Parts of a millisecond count as a whole one.
    /// </summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary><see cref="TimeToLive"/> as the doors tell it: milliseconds, 0 for none.</summary>
    internal ulong TimeToLiveMs
    {
        get
        {
            if (TimeToLive is not { } time)
                return 0;
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(time, TimeSpan.Zero, nameof(TimeToLive));
            return (ulong)Math.Ceiling(time.TotalMilliseconds);
        }
    }

    /// <summary>Throws for what a merge cannot have.</summary>
    internal void ThrowUnlessOfMerge()
    {
        if (If.Kind != PreconditionKind.None)
            throw new ArgumentException("A merge has no condition: it is done whatever the key has.");
    }

    /// <summary>Throws for what a deletion cannot have.</summary>
    internal void ThrowUnlessOfDeletion()
    {
        if (TimeToLive != null)
            throw new ArgumentException("A deletion has no time to live: that is for puts.");
        if (If.Kind == PreconditionKind.Absent)
            throw new ArgumentException("A key that does not exist cannot be deleted: Precondition.Absent is for puts and checks.");
    }
}

/// <summary>Which rows a scan returns.</summary>
public sealed record ScanOptions
{
    /// <summary>First key of the range; empty: from the beginning.</summary>
    public ReadOnlyMemory<byte> Start { get; init; }

    /// <summary>The range ends before it; empty: to the end.</summary>
    public ReadOnlyMemory<byte> End { get; init; }

    /// <summary>Only keys that begin so; excludes <see cref="Start"/> and <see cref="End"/>.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>
    /// Leaves out this key and those before it, in the scan's direction: where the page before ended. Empty: nothing.
    /// </summary>
    public ReadOnlyMemory<byte> StartAfter { get; init; }

    /// <summary>Last key first.</summary>
    public bool Reverse { get; init; }

    /// <summary>Leave the values out.</summary>
    public bool KeysOnly { get; init; }

    /// <summary>Rows returned at most; 0: all.</summary>
    public ulong Limit { get; init; }

    /// <summary>The same without <see cref="StartAfter"/>, for a door that does not know it.</summary>
    internal ScanOptions Resolved()
    {
        if (StartAfter.IsEmpty)
            return this;
        if (!Prefix.IsEmpty && !(Start.IsEmpty && End.IsEmpty))
            throw new ArgumentException("A scan has a prefix, or a start and end, not both.");
        var range = (Prefix.IsEmpty ? KeyRange.Between(Start, End) : KeyRange.Prefix(Prefix)).After(StartAfter, Reverse);
        return this with { Start = range.Start, End = range.End, Prefix = default, StartAfter = default };
    }
}

/// <summary>Which changes a watch receives, and from where on.</summary>
public sealed record WatchOptions
{
    /// <summary>Only keys that begin so; empty: all, or those of <see cref="Range"/>.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>Only these keys; excludes <see cref="Prefix"/>.</summary>
    public KeyRange Range { get; init; }

    /// <summary>First revision to deliver; 0: changes after the attach.</summary>
    public ulong FromRevision { get; init; }

    /// <summary>
    /// Begin with what there is: a row <see cref="RowKind.Reset"/>, a put for each key, a row
    /// <see cref="RowKind.Synced"/>, then the changes since. Excludes <see cref="FromRevision"/>.
    /// </summary>
    public bool StateFirst { get; init; }

    /// <summary>
    /// Show what each key had before the change (<see cref="RowBlock.Changes"/>); of changes that were committed while a
    /// watch that asks for this was attached.
    /// </summary>
    public bool OldValues { get; init; }

    /// <summary>
    /// Makes it a durable subscription, 1 to 255 bytes of UTF-8: a later watch of the name goes on where this one has got
    /// to. <see cref="FromRevision"/> and <see cref="StateFirst"/> are of the first of the name alone. Null: none.
    /// </summary>
    public string? Name { get; init; }

    /// <summary>
    /// How many revisions it may be behind before it is told the state, as by <see cref="StateFirst"/>, instead of the
    /// changes; 0: as many as there is history of.
    /// </summary>
    public ulong LagLimit { get; init; }

    /// <summary>What the watch is for, shown in listings.</summary>
    public string Label { get; init; } = "watch";
}

/// <summary>What a validator sees, and what happens when it cannot be asked.</summary>
public sealed record ValidatorOptions
{
    /// <summary>Only keys that begin so; empty: all.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>
    /// Show what each key has beside what it gets. What was decided by that holds when it is committed: if a key has
    /// changed meanwhile the validator is asked again.
    /// </summary>
    public bool OldValues { get; init; }

    /// <summary>If it cannot be asked the write passes, and the broker logs it; otherwise the write is refused.</summary>
    public bool FailOpen { get; init; }

    /// <summary>How long one question may take; null: 10 seconds.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The smallest is asked first; among equals the one attached first.</summary>
    public int Priority { get; init; }

    /// <summary>What the validator is for: shown in listings, and to writers whom it refuses.</summary>
    public string Label { get; init; } = "validator";
}

/// <summary>How an update is to be done.</summary>
public sealed record UpdateOptions
{
    internal static readonly UpdateOptions Default = new();

    /// <summary>When it counts as done.</summary>
    public Durability Durability { get; init; }

    /// <summary>How long one call of the function may take; null: 30 seconds.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>What the function is for, shown in listings.</summary>
    public string Label { get; init; } = "update";
}
