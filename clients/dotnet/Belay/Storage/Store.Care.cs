// Taking care of the store: space, backups, checks, health.
//
// Thread safety: any thread. All may block, some for long; writes go on meanwhile.
using System.Runtime.InteropServices.Marshalling;
using Belay.Native;

namespace Belay;

public sealed unsafe partial class Store
{
    private const int FirstStatistics = 64;

    /// <summary>Estimates keys and bytes of a range without reading it.</summary>
    /// <param name="range">Which keys; by default all.</param>
    public RangeEstimate Estimate(KeyRange range = default)
    {
        ulong keys, sizeBytes;
        fixed (byte* start = range.Start.Span, end = range.End.Span)
        {
            Status.Check(NativeMethods.StoreEstimate(Handle, start, (ulong)range.Start.Length, end,
                                                     (ulong)range.End.Length, &keys, &sizeBytes), NativeHandle);
        }
        GC.KeepAlive(this);
        return new(keys, sizeBytes);
    }

    /// <summary>Gives the space of what was deleted or replaced in a range back to the disk.</summary>
    /// <param name="range">Which keys; by default all.</param>
    public void Compact(KeyRange range = default)
    {
        fixed (byte* start = range.Start.Span, end = range.End.Span)
        {
            Status.Check(NativeMethods.StoreCompact(Handle, start, (ulong)range.Start.Length, end,
                                                    (ulong)range.End.Length), NativeHandle);
        }
        GC.KeepAlive(this);
    }

    /// <summary>Makes a backup of all keyspaces as they are now.</summary>
    /// <param name="path">A folder that does not exist yet or is empty.</param>
    public void Checkpoint(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        scoped Utf8StringMarshaller.ManagedToUnmanagedIn text = default;
        try
        {
            text.FromManaged(path, stackalloc byte[0x100]);
            Status.Check(NativeMethods.StoreBackup(Handle, text.ToUnmanaged()), NativeHandle);
        }
        finally
        {
            text.Free();
        }
        GC.KeepAlive(this);
    }

    /// <summary>Reads everything and compares it with its checksums.</summary>
    /// <param name="progress">Told how far it is, on this thread; null: nobody.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="BelayException"><see cref="BelayStatus.DataLoss"/>, naming what is damaged.</exception>
    public void Verify(IProgress<VerifyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        VerifyRun.Run(NativeHandle, progress, cancellationToken);
        GC.KeepAlive(this);
    }

    /// <summary>What the store tells of itself.</summary>
    public StoreStatistics GetStatistics()
    {
        ulong current, oldest;
        Status.Check(NativeMethods.StoreRevision(Handle, &current, &oldest), NativeHandle);
        var health = NativeMethods.StoreHealth(Handle);
        var refused = health == Status.Ok ? null : Status.ToException(health);
        return new() { Revision = current, OldestRevision = oldest, WritesRefused = refused, Engine = ReadStatistics() };
    }

    /// <summary>Tries now whether the disk can be written again, without waiting for a write to do so.</summary>
    /// <exception cref="BelayException">It cannot; the message says why.</exception>
    public void Recover()
    {
        Status.Check(NativeMethods.StoreRecover(Handle), NativeHandle);
        GC.KeepAlive(this);
    }

    /// <summary>Forgets history, which is for watches only.</summary>
    /// <param name="beforeRevision">The oldest revision to keep.</param>
    public void TrimHistory(ulong beforeRevision)
    {
        Status.Check(NativeMethods.StoreTrimHistory(Handle, beforeRevision), NativeHandle);
        GC.KeepAlive(this);
    }

    private StoreStatistic[] ReadStatistics()
    {
        var statistics = new NativeStatistic[FirstStatistics];
        while (true)
        {
            ulong count;
            statistics[0].StructSize = (uint)sizeof(NativeStatistic);
            fixed (NativeStatistic* data = statistics)
                Status.Check(NativeMethods.StoreStatistics(Handle, data, (ulong)statistics.Length, &count), NativeHandle);
            GC.KeepAlive(this);
            if (count <= (ulong)statistics.Length)
                return Array.ConvertAll(statistics[..(int)count], one => new StoreStatistic(Status.TextOf(one.Name), one.Value));
            statistics = new NativeStatistic[count];
        }
    }
}
