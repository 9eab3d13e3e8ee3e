// How long a test waits for something that must come: long enough for a loaded machine, and an end if it never comes.
namespace Belay.Client.Tests.Support;

/// <summary>Bounds every wait of a test, so that a defect is a failure and not a hang.</summary>
internal static class Patience
{
    public static readonly TimeSpan Time = TimeSpan.FromMinutes(4);

    public static CancellationToken Token => new CancellationTokenSource(Time).Token;

    public static Task Within(this Task task) => task.WaitAsync(Time);

    public static Task<T> Within<T>(this Task<T> task) => task.WaitAsync(Time);

    public static Task<T> Within<T>(this ValueTask<T> task) => task.AsTask().WaitAsync(Time);
}

/// <summary>Counts disposals and says when the first came.</summary>
internal sealed class Probe : IDisposable
{
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public Task Disposed => _disposed.Task;

    /// <summary>Called on the first disposal.</summary>
    public Action? OnDispose { get; init; }

    public void Dispose()
    {
        Interlocked.Increment(ref _count);
        OnDispose?.Invoke();
        _disposed.TrySetResult();
    }
}
