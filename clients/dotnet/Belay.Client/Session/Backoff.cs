// How long to wait before the next attempt to reach a broker. It doubles from attempt to attempt up to a bound, and is
// drawn at random from the upper half, so that a thousand clients of a broker that was restarted do not come at once.
//
// Thread safety: one loop's own.
namespace Belay.Client.Session;

/// <summary>Delays between attempts.</summary>
internal sealed class Backoff(Random random)
{
    private const int FirstMs = 50;
    private const int LongestMs = 5_000;

    private int _nextBoundMs = FirstMs;

    /// <summary>The next delay.</summary>
    public TimeSpan Next()
    {
        var boundMs = _nextBoundMs;
        _nextBoundMs = Math.Min(2 * boundMs, LongestMs);
        return TimeSpan.FromMilliseconds(random.Next(boundMs / 2, boundMs + 1));
    }

    /// <summary>The last attempt has succeeded.</summary>
    public void Reset() => _nextBoundMs = FirstMs;
}
