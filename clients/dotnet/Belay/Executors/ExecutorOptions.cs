// How an executor is opened: plain data.
//
// Thread safety: immutable.
namespace Belay;

/// <summary>Bounds of a queue or strand.</summary>
public sealed record ExecutorOptions
{
    internal static readonly ExecutorOptions Default = new();

    /// <summary>Calls queued at a time; null: 1024. One more is refused with <see cref="BelayStatus.ResourceExhausted"/>.</summary>
    public int? MaxCalls { get; init; }

    /// <summary>Bytes of those calls; null: 16 MiB.</summary>
    public long? MaxBytes { get; init; }
}
