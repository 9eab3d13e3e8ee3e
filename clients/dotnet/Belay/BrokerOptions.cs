// What can be said when a broker is opened and when a callback is invoked.
//
// Thread safety: immutable.
namespace Belay;

/// <summary>How to open a broker in this process.</summary>
public sealed record BrokerOptions
{
    /// <summary>Name shown in listings.</summary>
    public string Name { get; init; } = "broker";

    /// <summary>Folder of the embedded store, made if missing; null: no store.</summary>
    public string? StorePath { get; init; }

    /// <summary>
    /// Receives what the broker has to say, leaks at its close among it; null: errors and warnings go to standard error.
    /// Called from any thread, perhaps concurrently; must not call Belay. What it throws is dropped.
    /// </summary>
    public Action<BelayLogLevel, string>? Log { get; init; }

    /// <summary>How the store uses memory, threads and the disk; null: as it is set by default.</summary>
    public StoreTuning? Tuning { get; init; }

    /// <summary>How far back watches of the store may ask; null: by the default size alone.</summary>
    public HistoryBounds? History { get; init; }

    /// <summary>How long <see cref="Broker.Dispose"/> waits for calls in flight.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>What may be said along with a call.</summary>
public readonly record struct InvokeOptions
{
    /// <summary>The call is refused once so much time has passed; null: no deadline. A running callback sees what is left.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Upper half of a trace id to pass through; 0 with <see cref="TraceLow"/> 0: none.</summary>
    public ulong TraceHigh { get; init; }

    /// <summary>Lower half of the trace id.</summary>
    public ulong TraceLow { get; init; }

    /// <summary>On whose behalf; null: not said.</summary>
    public Owner? Caller { get; init; }

    /// <summary>Passed on to the callback, which sees it in <see cref="CallContext.Cancellation"/>.</summary>
    public CancellationToken Cancellation { get; init; }
}
