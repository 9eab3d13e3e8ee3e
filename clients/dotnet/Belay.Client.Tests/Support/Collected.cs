// Says when objects have been collected: collects until they are, or fails.
namespace Belay.Client.Tests.Support;

internal static class Collected
{
    /// <summary>Waits until none of the references is alive.</summary>
    public static async Task WithinAsync(params IReadOnlyCollection<WeakReference> references)
    {
        var end = Environment.TickCount64 + (long)Patience.Time.TotalMilliseconds;
        while (references.Count(r => r.IsAlive) is var alive and > 0)
        {
            Assert.True(Environment.TickCount64 < end, $"{alive} of {references.Count} objects are still alive");
            // Something that runs on the pool may be letting go of the last one just now.
            await Task.Yield();
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}
