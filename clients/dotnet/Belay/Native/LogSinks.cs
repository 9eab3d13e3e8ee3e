// Where the library's log lines go. The context given to the library is a number, not a GCHandle: a line that comes
// after the broker has closed finds no entry and is dropped, so that nothing can dangle.
//
// Thread safety: any thread.
using System.Collections.Concurrent;

namespace Belay.Native;

internal static class LogSinks
{
    private static readonly ConcurrentDictionary<nint, Action<BelayLogLevel, string>> Sinks = new();
    private static long s_last;

    internal static nint Add(Action<BelayLogLevel, string> sink)
    {
        var id = (nint)Interlocked.Increment(ref s_last);
        Sinks[id] = sink;
        return id;
    }

    internal static void Remove(nint id) => Sinks.TryRemove(id, out _);

    internal static void Write(nint id, BelayLogLevel level, string text)
    {
        if (Sinks.TryGetValue(id, out var sink))
            sink(level, text);
    }
}

/// <summary>The cancellation of the call that this thread is making: in-process a callback runs on its caller's thread.</summary>
internal static class AmbientCancellation
{
    [ThreadStatic]
    private static CancellationToken t_current;

    internal static CancellationToken Current
    {
        get => t_current;
        set => t_current = value;
    }
}
