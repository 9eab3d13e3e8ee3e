// What the store answers.
//
// Thread safety: immutable as long as nobody writes to the arrays.
namespace Belay;

/// <summary>A value and the revision of its last change.</summary>
/// <param name="Value">The bytes.</param>
/// <param name="Revision">Revision of the key's last change.</param>
public readonly record struct StoredValue(byte[] Value, ulong Revision);

/// <summary>What a key knows of itself.</summary>
/// <param name="ValueSizeBytes">Size of its value.</param>
/// <param name="CreateRevision">Revision of the commit that created it.</param>
/// <param name="Revision">Revision of its last change.</param>
/// <param name="Version">Changes since it was created, from 1.</param>
/// <param name="ExpiresAt">When it is deleted; null: never.</param>
public readonly record struct KeyInfo(ulong ValueSizeBytes, ulong CreateRevision, ulong Revision, ulong Version,
                                      DateTimeOffset? ExpiresAt)
{
    /// <summary>An expiry as the doors tell it: milliseconds since the Unix epoch, 0 for never.</summary>
    internal static DateTimeOffset? ExpiryOf(long unixMs) =>
        unixMs switch
        {
            0 => null,
            > 253_402_300_799_999 => DateTimeOffset.MaxValue, // Later than a DateTimeOffset can tell.
            _ => DateTimeOffset.FromUnixTimeMilliseconds(unixMs),
        };
}

/// <summary>What became of a range that was deleted.</summary>
/// <param name="Count">Keys that were there.</param>
/// <param name="Revision">Revision of the commit; of the last one before it if there were no keys.</param>
public readonly record struct RangeDeletion(ulong Count, ulong Revision);

/// <summary>What a range holds, about.</summary>
/// <param name="Keys">Keys.</param>
/// <param name="SizeBytes">Bytes on disk and in memory, compressed.</param>
public readonly record struct RangeEstimate(ulong Keys, ulong SizeBytes);

/// <summary>A keyspace.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Id">Never given out again, also not to a later keyspace of the same name.</param>
public readonly record struct KeyspaceInfo(string Name, uint Id);

/// <summary>How far a check of the store is.</summary>
/// <param name="Done">Pieces done.</param>
/// <param name="Total">Pieces there are.</param>
public readonly record struct VerifyProgress(ulong Done, ulong Total);

/// <summary>One number that the engine tells of itself.</summary>
/// <param name="Name">What it counts.</param>
/// <param name="Value">The number.</param>
public readonly record struct StoreStatistic(string Name, ulong Value);

/// <summary>What the store tells of itself.</summary>
public sealed record StoreStatistics
{
    /// <summary>Revision of the last commit.</summary>
    public required ulong Revision { get; init; }

    /// <summary>The oldest revision that a watch can begin from; <see cref="Revision"/> + 1 if no history is kept.</summary>
    public required ulong OldestRevision { get; init; }

    /// <summary>Why writes are refused at present; null: they are not.</summary>
    public BelayException? WritesRefused { get; init; }

    /// <summary>The engine's own numbers, in a fixed order.</summary>
    public required IReadOnlyList<StoreStatistic> Engine { get; init; }
}
