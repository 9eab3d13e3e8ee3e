// What of the store calls back: scans with a filter, and watches.
//
// Invariants: a filter or watch given as a delegate lives exactly as long as its cursor or subscription: the library holds
// the only handle to it. One given as a Callback is its owner's; the library holds a handle of its own meanwhile.
// Thread safety: any thread.
using System.Runtime.CompilerServices;
using Belay.Native;

namespace Belay;

public sealed unsafe partial class Store
{
    /// <summary>Begins a scan over the store as it is now.</summary>
    /// <param name="options">Which rows, in which order; null: all.</param>
    /// <param name="filter">Picks rows; runs on the thread that calls <see cref="Cursor.Next"/>. Null: all.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    public Cursor Scan(ScanOptions? options = null, RowFilter? filter = null, [CallerFilePath] string file = "",
                       [CallerLineNumber] int line = 0)
    {
        if (filter == null)
            return Scan(options, 0, null);
        using var callback = _broker.Registrar.Register(filter, CallbackOptions.Default.SiteOr(file, line));
        return Scan(options, callback.Handle, callback.Released);
    }

    /// <summary>Begins a scan whose rows a registered callback picks: it gets row blocks and answers with bitmaps.</summary>
    /// <param name="options">Which rows, in which order; null: all.</param>
    /// <param name="filter">The callback.</param>
    public Cursor Scan(ScanOptions? options, Callback filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ObjectDisposedException.ThrowIf(filter.IsClosed, filter);
        var cursor = Scan(options, filter.Handle, null);
        GC.KeepAlive(filter);
        return cursor;
    }

    /// <summary>Attaches a watch: the function is called on a thread of the broker's, one call at a time.</summary>
    /// <param name="options">Which keys, from which revision; null: all changes from now on.</param>
    /// <param name="function">Receives the changes. If it throws, the same changes come again after a pause.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    public Subscription Watch(WatchOptions? options, WatchFunction function, [CallerFilePath] string file = "",
                              [CallerLineNumber] int line = 0)
    {
        options ??= new WatchOptions();
        using var callback = _broker.Registrar.Register(function, options.Label, CallbackOptions.Default.SiteOr(file, line));
        return Watch(options, callback.Handle, callback.Released);
    }

    /// <summary>Attaches a watch that calls a registered callback with row blocks.</summary>
    /// <param name="options">Which keys, from which revision; null: all changes from now on.</param>
    /// <param name="callback">The callback.</param>
    public Subscription Watch(WatchOptions? options, Callback callback)
    {
        ArgumentNullException.ThrowIfNull(callback);
        ObjectDisposedException.ThrowIf(callback.IsClosed, callback);
        var subscription = Watch(options ?? new WatchOptions(), callback.Handle, null);
        GC.KeepAlive(callback);
        return subscription;
    }

    private Cursor Scan(ScanOptions? options, ulong filter, Task? released)
    {
        options ??= new ScanOptions();
        fixed (byte* start = options.Start.Span, end = options.End.Span, prefix = options.Prefix.Span)
        {
            var native = new NativeScanOptions
            {
                StructSize = (uint)sizeof(NativeScanOptions),
                Flags = (options.Reverse ? NativeScanOptions.Reverse : 0) |
                        (options.KeysOnly ? NativeScanOptions.KeysOnly : 0),
                Start = start,
                StartSize = (ulong)options.Start.Length,
                End = end,
                EndSize = (ulong)options.End.Length,
                Prefix = prefix,
                PrefixSize = (ulong)options.Prefix.Length,
                Limit = options.Limit,
                Filter = filter,
            };
            ulong cursor;
            Status.Check(NativeMethods.StoreScan(Handle, &native, &cursor), _handle);
            return new Cursor(new ObjectHandle(cursor), this, released);
        }
    }

    private Subscription Watch(WatchOptions options, ulong callback, Task? released)
    {
        fixed (byte* prefix = options.Prefix.Span)
        {
            var native = new NativeWatchOptions
            {
                StructSize = (uint)sizeof(NativeWatchOptions),
                Prefix = prefix,
                PrefixSize = (ulong)options.Prefix.Length,
                FromRevision = options.FromRevision,
                Callback = callback,
            };
            ulong subscription;
            Status.Check(NativeMethods.WatchAttach(Handle, &native, &subscription), _handle);
            return new Subscription(subscription, released, this);
        }
    }
}
