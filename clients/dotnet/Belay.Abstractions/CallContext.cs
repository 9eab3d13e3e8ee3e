// What a callback is told about the call that it serves.
//
// Invariants: valid for the length of the call; copying it afterwards is harmless, it holds no resource.
// Thread safety: immutable.
using System.Diagnostics;

namespace Belay;

/// <summary>One call, as its callback sees it.</summary>
public readonly struct CallContext
{
    private readonly long _deadlineNs;

    /// <summary>Describes a call. Doors make these; tests of callbacks may.</summary>
    /// <param name="deadlineNs">Deadline on the monotonic clock in nanoseconds; 0: none.</param>
    /// <param name="traceHigh">Upper half of the trace id; 0: none.</param>
    /// <param name="traceLow">Lower half of the trace id.</param>
    /// <param name="caller">Name of the caller, where the door knows it.</param>
    /// <param name="callerHandle">Owner on whose behalf the call is made, in-process; 0: not said.</param>
    /// <param name="callId">Number of the call within its session, on the gRPC door; 0 in-process.</param>
    /// <param name="cancellation">Ends when the caller no longer waits.</param>
    public CallContext(long deadlineNs = 0, ulong traceHigh = 0, ulong traceLow = 0, string? caller = null,
                       ulong callerHandle = 0, ulong callId = 0, CancellationToken cancellation = default)
    {
        _deadlineNs = deadlineNs;
        TraceHigh = traceHigh;
        TraceLow = traceLow;
        Caller = caller;
        CallerHandle = callerHandle;
        CallId = callId;
        Cancellation = cancellation;
    }

    /// <summary>Signalled when the caller no longer waits. In-process only where the caller passed one.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Upper half of the trace id, passed through; 0 with <see cref="TraceLow"/> 0: none.</summary>
    public ulong TraceHigh { get; }

    /// <summary>Lower half of the trace id.</summary>
    public ulong TraceLow { get; }

    /// <summary>Name of the calling client, where the door knows it.</summary>
    public string? Caller { get; }

    /// <summary>Owner on whose behalf the call is made, in-process; 0: not said.</summary>
    public ulong CallerHandle { get; }

    /// <summary>Number of the call within its session on the gRPC door; 0 in-process.</summary>
    public ulong CallId { get; }

    /// <summary>Time left until the deadline, never negative; null: there is none.</summary>
    public TimeSpan? TimeLeft =>
        _deadlineNs == 0 ? null : TimeSpan.FromTicks(Math.Max(0, (_deadlineNs - MonotonicNs()) / 100));

    /// <summary>The monotonic clock that deadlines are told on, in nanoseconds.</summary>
    internal static long MonotonicNs() =>
        Stopwatch.Frequency == 1_000_000_000
            ? Stopwatch.GetTimestamp()
            : (long)((Int128)Stopwatch.GetTimestamp() * 1_000_000_000 / Stopwatch.Frequency);

    /// <summary>The deadline that lies <paramref name="timeout"/> ahead; 0 for none.</summary>
    internal static long DeadlineAfter(TimeSpan? timeout) =>
        timeout is { } t && t != Timeout.InfiniteTimeSpan ? MonotonicNs() + (t.Ticks * 100) : 0;
}
