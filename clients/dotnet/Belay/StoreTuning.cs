// How the store of a broker in this process uses memory, threads and the disk, and how much history it keeps.
//
// Invariants: null and default mean the library's own default, never none.
// Thread safety: immutable.
using Belay.Native;

namespace Belay;

/// <summary>How the embedded store uses memory, threads and the disk.</summary>
public sealed record StoreTuning
{
    /// <summary>Bytes of files' blocks kept in memory, up to 1 TiB; null: 64 MiB.</summary>
    public ulong? CacheBytes { get; init; }

    /// <summary>Bytes of writes collected before they become a file, 1 MiB to 64 GiB; null: 64 MiB.</summary>
    public ulong? BufferBytes { get; init; }

    /// <summary>Threads that write and compact files, up to 64; null: 2.</summary>
    public int? Jobs { get; init; }

    /// <summary>Bits per key of the filters that know which file may have it, up to 32; 0: no filters; null: 10.</summary>
    public int? BloomBits { get; init; }

    /// <summary>Files, but the log, are read and written past the system's page cache.</summary>
    public bool DirectIO { get; init; }

    internal void WriteTo(ref NativeBrokerOptions native)
    {
        const uint Off = 0xffffffff, DirectIOFlag = 1;
        // To the library 0 stands for the default, so it cannot be asked for.
        ArgumentOutOfRangeException.ThrowIfZero(CacheBytes ?? 1, nameof(CacheBytes));
        ArgumentOutOfRangeException.ThrowIfZero(BufferBytes ?? 1, nameof(BufferBytes));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Jobs ?? 1, nameof(Jobs));
        ArgumentOutOfRangeException.ThrowIfNegative(BloomBits ?? 0, nameof(BloomBits));
        native.StoreCacheBytes = CacheBytes ?? 0;
        native.StoreBufferBytes = BufferBytes ?? 0;
        native.StoreJobs = (uint)(Jobs ?? 0);
        native.StoreBloomBits = BloomBits is 0 ? Off : (uint)(BloomBits ?? 0);
        native.StoreFlags = DirectIO ? DirectIOFlag : 0;
    }
}

/// <summary>How far back watches of the store may ask. Whatever exceeds one of the bounds is forgotten.</summary>
public sealed record HistoryBounds
{
    /// <summary>Bytes on disk, at least 128 MiB; null: 512 MiB.</summary>
    public ulong? SizeBytes { get; init; }

    /// <summary>Revisions; null: no bound of that kind.</summary>
    public ulong? Revisions { get; init; }

    /// <summary>Age of a revision, in whole milliseconds; null: no bound of that kind.</summary>
    public TimeSpan? Age { get; init; }

    internal void WriteTo(ref NativeBrokerOptions native)
    {
        ArgumentOutOfRangeException.ThrowIfZero(SizeBytes ?? 1, nameof(SizeBytes));
        ArgumentOutOfRangeException.ThrowIfZero(Revisions ?? 1, nameof(Revisions));
        if (Age is { } age)
            ArgumentOutOfRangeException.ThrowIfLessThan(age, TimeSpan.FromMilliseconds(1), nameof(Age));
        native.HistoryBytes = SizeBytes ?? 0;
        native.HistoryRevisions = Revisions ?? 0;
        native.HistoryAgeMs = (ulong)(Age?.TotalMilliseconds ?? 0);
    }
}
