// The shapes of function that can be registered as a callback, and what may be said along with one.
//
// Thread safety: a callback may run concurrently with itself when it is invoked concurrently.
using System.Buffers;

namespace Belay;

/// <summary>A callback that answers without waiting. The fastest shape: no allocation per call.</summary>
/// <param name="request">The caller's bytes; gone when the function returns.</param>
/// <param name="reply">Takes the answer; must not be kept beyond the call.</param>
/// <param name="call">The call being served.</param>
public delegate void SpanFunction(ReadOnlySpan<byte> request, IBufferWriter<byte> reply, CallContext call);

/// <summary>A callback that may wait.</summary>
/// <param name="request">A copy of the caller's bytes.</param>
/// <param name="call">The call being served.</param>
/// <returns>The answer.</returns>
/// <remarks>
/// In-process the thread that invokes waits until the task is done, and no synchronization context is current while
/// the function runs.
/// </remarks>
public delegate ValueTask<ReadOnlyMemory<byte>> CallbackFunction(ReadOnlyMemory<byte> request, CallContext call);

/// <summary>What may be said about a callback when it is registered.</summary>
public sealed record CallbackOptions
{
    /// <summary>What it is for, shown in listings; at most 255 bytes of UTF-8.</summary>
    public string Label { get; init; } = "";

    /// <summary>Where it was registered; by default the file and line of the call. At most 255 bytes.</summary>
    public string? Site { get; init; }

    /// <summary>Public name under which others find it; gRPC door only.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// An object whose life belongs to the callback: disposed (<see cref="IAsyncDisposable"/> before
    /// <see cref="IDisposable"/>) once, when no call is in flight and none can come. That is on a thread of Belay's:
    /// it must not block.
    /// </summary>
    public object? Owned { get; init; }

    /// <summary>
    /// Whether the object that the delegate is bound to (<see cref="Delegate.Target"/>) belongs to the callback as
    /// <see cref="Owned"/> does. Of use where a method of a disposable object is registered.
    /// </summary>
    public bool OwnsTarget { get; init; }

    /// <summary>
    /// Where the function runs, and goes on after it has awaited something: what is current on a user interface's thread,
    /// for instance. Null: where it is called, in-process the caller's thread, else the thread pool. The context must run
    /// what is posted to it as long as the callback can be called. Not for typed callbacks.
    /// </summary>
    public SynchronizationContext? RunOn { get; init; }

    /// <summary>
    /// A queue or strand of the same broker, which runs the callback and what ends it, while the caller waits; null: none.
    /// The caller's <see cref="CallContext.Cancellation"/> does not get there. In-process door only.
    /// </summary>
    public CallbackExecutor? Executor { get; init; }

    internal static readonly CallbackOptions Default = new();

    /// <summary>"File.cs:12", of at most 255 bytes.</summary>
    internal string SiteOr(string file, int line)
    {
        if (Site != null)
            return Site;
        if (file.Length == 0)
            return "";
        var site = $"{Path.GetFileName(file)}:{line}";
        return System.Text.Encoding.UTF8.GetByteCount(site) <= 255 ? site : $"...:{line}";
    }
}

/// <summary>An exception that had no caller to go to.</summary>
public sealed class CallbackFaultEventArgs : EventArgs
{
    internal CallbackFaultEventArgs(string label, string site, string during, Exception exception)
    {
        Label = label;
        Site = site;
        During = during;
        Exception = exception;
    }

    /// <summary>Label of the callback.</summary>
    public string Label { get; }

    /// <summary>Where the callback was registered.</summary>
    public string Site { get; }

    /// <summary>What was being done: "call", "dispose".</summary>
    public string During { get; }

    /// <summary>What was thrown.</summary>
    public Exception Exception { get; }

    /// <inheritdoc/>
    public override string ToString() => $"callback '{Label}' ({Site}) threw in {During}: {Exception}";
}
