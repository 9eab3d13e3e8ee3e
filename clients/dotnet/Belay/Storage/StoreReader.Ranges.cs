// Reading more than one key: several at once, scans with and without a filter, and counts.
//
// Invariants: a filter given as a delegate lives exactly as long as its cursor: the library holds the only handle to it.
// One given as a Callback is its owner's; the library holds a handle of its own meanwhile.
// Thread safety: any thread.
using System.Runtime.CompilerServices;
using Belay.Native;

namespace Belay;

public abstract unsafe partial class StoreReader
{
    private const int ManySize = 64 * 1024;

    /// <summary>Reads several keys as of one moment.</summary>
    /// <param name="keys">At most 10,000.</param>
    /// <returns>For each key, in the order asked for, its value; null where there is none.</returns>
    public IReadOnlyList<StoredValue?> GetMany(IReadOnlyList<ReadOnlyMemory<byte>> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        // Side by side, so that one pin holds them all.
        var bytes = new byte[keys.Sum(key => key.Length)];
        var parts = new NativeBytes[keys.Count];
        fixed (byte* data = bytes)
        fixed (NativeBytes* part = parts)
        {
            var at = 0;
            for (var i = 0; i < parts.Length; i++)
            {
                keys[i].Span.CopyTo(bytes.AsSpan(at));
                parts[i] = new NativeBytes { Data = data + at, Size = (ulong)keys[i].Length };
                at += keys[i].Length;
            }
            return RowBlock.Match(ReadMany(part, (ulong)parts.Length), keys);
        }
    }

    /// <summary>Begins a scan over the store as it is now.</summary>
    /// <param name="options">Which rows, in which order; null: all.</param>
    /// <param name="filter">Picks rows; runs on the thread that calls <see cref="Cursor.Next"/>. Null: all.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    public Cursor Scan(ScanOptions? options = null, RowFilter? filter = null, [CallerFilePath] string file = "",
                       [CallerLineNumber] int line = 0)
    {
        if (filter == null)
            return Scan(options, 0, 0, null);
        using var callback = Broker.Registrar.Register(Hook.Of(filter), "filter", file, line);
        return Scan(options, callback.Handle, 0, callback.Released);
    }

    /// <summary>Begins a scan whose values a function makes of those that the store has.</summary>
    /// <param name="options">Which rows, in which order, but for keys alone; null: all.</param>
    /// <param name="filter">Picks rows; null: all. Both run on the thread that calls <see cref="Cursor.Next"/>.</param>
    /// <param name="projection">Makes the values, of the rows that the filter kept.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    public Cursor Scan(ScanOptions? options, RowFilter? filter, RowProjection projection,
                       [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        using var project = Broker.Registrar.Register(Hook.Of(projection), "projection", file, line);
        if (filter == null)
            return Scan(options, 0, project.Handle, project.Released);
        using var pick = Broker.Registrar.Register(Hook.Of(filter), "filter", file, line);
        return Scan(options, pick.Handle, project.Handle, Task.WhenAll(pick.Released, project.Released));
    }

    /// <summary>Begins a scan whose rows a registered callback picks: it gets row blocks and answers with bitmaps.</summary>
    /// <param name="options">Which rows, in which order; null: all.</param>
    /// <param name="filter">The callback.</param>
    public Cursor Scan(ScanOptions? options, Callback filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ObjectDisposedException.ThrowIf(filter.IsClosed, filter);
        var cursor = Scan(options, filter.Handle, 0, null);
        GC.KeepAlive(filter);
        return cursor;
    }

    /// <summary>Counts keys exactly, by reading them.</summary>
    /// <param name="range">Which keys; by default all.</param>
    public ulong Count(KeyRange range = default)
    {
        ulong count;
        fixed (byte* start = range.Start.Span, end = range.End.Span)
        {
            Status.Check(NativeMethods.StoreCount(Handle, start, (ulong)range.Start.Length, end, (ulong)range.End.Length,
                                                  &count), NativeHandle);
        }
        GC.KeepAlive(this);
        return count;
    }

    private byte[] ReadMany(NativeBytes* keys, ulong count)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(ManySize);
        while (true)
        {
            ulong size;
            int status;
            fixed (byte* data = buffer)
                status = NativeMethods.StoreGetMany(Handle, keys, count, data, (ulong)buffer.Length, &size);
            if (status == Status.Ok)
                return buffer[..(int)size];
            if (status != (int)BelayStatus.BufferTooSmall)
                Status.Throw(status, NativeHandle);
            GC.KeepAlive(this);
            // Others may write meanwhile, so that it is too small again.
            buffer = GC.AllocateUninitializedArray<byte>(checked((int)size));
        }
    }

    private Cursor Scan(ScanOptions? options, ulong filter, ulong projection, Task? released)
    {
        var scan = (options ?? new ScanOptions()).Resolved();
        fixed (byte* start = scan.Start.Span, end = scan.End.Span, prefix = scan.Prefix.Span)
        {
            var native = new NativeScanOptions
            {
                StructSize = (uint)sizeof(NativeScanOptions),
                Flags = (scan.Reverse ? NativeScanOptions.Reverse : 0) |
                        (scan.KeysOnly ? NativeScanOptions.KeysOnly : 0),
                Start = start,
                StartSize = (ulong)scan.Start.Length,
                End = end,
                EndSize = (ulong)scan.End.Length,
                Prefix = prefix,
                PrefixSize = (ulong)scan.Prefix.Length,
                Limit = scan.Limit,
                Filter = filter,
                Projection = projection,
            };
            ulong cursor;
            Status.Check(NativeMethods.StoreScan(Handle, &native, &cursor), NativeHandle);
            GC.KeepAlive(this);
            return new Cursor(new ObjectHandle(cursor), this, released);
        }
    }
}
