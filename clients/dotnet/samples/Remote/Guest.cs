// What the greeting closes over: an object that somebody must dispose, once, and not too early.
//
// Invariant: a greeting after Dispose would be a use after free; here it throws, so that the story would show it.
//
// Thread safety: any thread.
namespace Belay.Samples.Remote;

internal sealed class Guest(string greeting) : IDisposable
{
    private int _disposals;

    /// <summary>Says the greeting.</summary>
    public string Greet(string name)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposals) != 0, this);
        return $"{greeting}, {name}!";
    }

    /// <summary>Called by the library when the broker has said Released.</summary>
    public void Dispose()
    {
        var times = Interlocked.Increment(ref _disposals);
        Narrator.Say(4, "Released: the broker says that no call is in flight and none will come");
        Narrator.Say(4, times == 1 ? "Dispose ran" : $"Dispose ran {times} TIMES");
    }
}
