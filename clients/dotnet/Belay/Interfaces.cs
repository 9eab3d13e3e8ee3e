// Callback and Broker as ICallback and IBroker: what a program sees that is written for either door. In-process nothing
// here waits for anybody else, so these tasks are complete when they are returned.
//
// Thread safety: any thread.
using System.Runtime.CompilerServices;
using Belay.Native;

namespace Belay;

public sealed unsafe partial class Callback
{
    ValueTask<ICallback> ICallback.RetainAsync(CancellationToken cancellationToken) =>
        Completed.Of<ICallback>(() => Retain(), cancellationToken);

    ValueTask ICallback.UnregisterAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Unregister();
        return default;
    }

    ValueTask<HandleInfo> ICallback.DescribeAsync(CancellationToken cancellationToken) =>
        Completed.Of(Describe, cancellationToken);
}

public sealed unsafe partial class Broker
{
    IStore IBroker.Store => Store;

    ValueTask<ICallback> IBroker.RegisterAsync(CallbackFunction function, CallbackOptions? options,
                                               CancellationToken cancellationToken, string file, int line) =>
        Completed.Of<ICallback>(() => Register(function, options, file, line), cancellationToken);

    ValueTask<ICallback> IBroker.RegisterAsync(SpanFunction function, CallbackOptions? options,
                                               CancellationToken cancellationToken, string file, int line) =>
        Completed.Of<ICallback>(() => Register(function, options, file, line), cancellationToken);

    async IAsyncEnumerable<HandleInfo> IBroker.ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await ValueTask.CompletedTask;
        foreach (var info in List())
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return info;
        }
    }
}

internal static class Completed
{
    /// <summary>Runs now; what is thrown becomes the task's.</summary>
    internal static ValueTask<T> Of<T>(Func<T> work, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<T>(cancellationToken);
        try
        {
            return new(work());
        }
#pragma warning disable CA1031 // It becomes the task's.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return ValueTask.FromException<T>(exception);
        }
    }
}
