// What both doors are alike in. A program written against these runs in one process or across two.
//
// Invariants: ICallback.Released completes exactly once for a callback registered through the object at hand, after
// the last call has returned, what the callback owns is disposed, and nothing of Belay's refers to the closure.
// Thread safety: every member may be called from any thread.
using System.Runtime.CompilerServices;

namespace Belay;

/// <summary>A broker: where callbacks are registered and the store lives.</summary>
public interface IBroker : IDisposable, IAsyncDisposable
{
    /// <summary>Name shown in listings.</summary>
    string Name { get; }

    /// <summary>The store.</summary>
    IStore Store { get; }

    /// <summary>An exception was thrown that has no caller to go to: in a typed callback, or while disposing.</summary>
    event EventHandler<CallbackFaultEventArgs>? CallbackFaulted;

    /// <summary>Registers a callback that may wait.</summary>
    /// <param name="function">The function.</param>
    /// <param name="options">What else to say about it.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    /// <returns>This program's handle to the callback.</returns>
    ValueTask<ICallback> RegisterAsync(CallbackFunction function, CallbackOptions? options = null,
                                       CancellationToken cancellationToken = default,
                                       [CallerFilePath] string file = "", [CallerLineNumber] int line = 0);

    /// <summary>Registers a callback that answers without waiting.</summary>
    /// <param name="function">The function.</param>
    /// <param name="options">What else to say about it.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    /// <returns>This program's handle to the callback.</returns>
    ValueTask<ICallback> RegisterAsync(SpanFunction function, CallbackOptions? options = null,
                                       CancellationToken cancellationToken = default,
                                       [CallerFilePath] string file = "", [CallerLineNumber] int line = 0);

    /// <summary>Lists live handles. One that comes or goes meanwhile may be missed.</summary>
    /// <param name="cancellationToken">Stops the listing.</param>
    IAsyncEnumerable<HandleInfo> ListAsync(CancellationToken cancellationToken = default);
}

/// <summary>One holder's handle to a callback. Disposing releases it: that never blocks and is harmless twice.</summary>
public interface ICallback : IDisposable, IAsyncDisposable
{
    /// <summary>The handle's number: for listings, logs and native code. Not a pointer; never reused.</summary>
    ulong Handle { get; }

    /// <summary>
    /// Completes when the callback registered by this program has ended: no call in flight, none to come, what it owned
    /// disposed, nothing left that keeps the closure alive. Never fails. Throws <see cref="InvalidOperationException"/>
    /// for a callback that this program did not register.
    /// </summary>
    Task Released { get; }

    /// <summary>Calls the callback.</summary>
    /// <param name="request">The bytes it gets.</param>
    /// <param name="cancellationToken">Gives up; the callback sees it in <see cref="CallContext.Cancellation"/>.</param>
    /// <returns>Its answer.</returns>
    /// <exception cref="BelayException">It was refused, or ran and failed.</exception>
    ValueTask<byte[]> InvokeAsync(ReadOnlyMemory<byte> request, CancellationToken cancellationToken = default);

    /// <summary>Makes another handle to the same callback.</summary>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    ValueTask<ICallback> RetainAsync(CancellationToken cancellationToken = default);

    /// <summary>Makes the callback uncallable for every holder. Calls in flight go on. Idempotent.</summary>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    ValueTask UnregisterAsync(CancellationToken cancellationToken = default);

    /// <summary>Waits until no call is in flight and the callback has ended. Unregister first.</summary>
    /// <param name="cancellationToken">Stops waiting; the draining goes on.</param>
    Task DrainAsync(CancellationToken cancellationToken = default);

    /// <summary>What the broker knows about the handle.</summary>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    ValueTask<HandleInfo> DescribeAsync(CancellationToken cancellationToken = default);
}

/// <summary>A watch or validator that is attached. Disposing detaches it: no new call begins.</summary>
public interface ISubscription : IDisposable, IAsyncDisposable
{
    /// <summary>The handle's number.</summary>
    ulong Handle { get; }

    /// <summary>
    /// Completes when the function has ended, as <see cref="ICallback.Released"/>. For one attached with a callback of its
    /// own lifetime throws <see cref="InvalidOperationException"/>.
    /// </summary>
    Task Released { get; }
}
