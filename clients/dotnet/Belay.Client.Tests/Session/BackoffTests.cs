// Delays between attempts: doubling, bounded, and not the same for all.
using Belay.Client.Session;
using Belay.Client.Tests.Support;

namespace Belay.Client.Tests.Session;

public class BackoffTests
{
    [Fact]
    public void Delays_double_up_to_a_bound_and_are_drawn_from_the_upper_half()
    {
        var backoff = new Backoff(new Random(TestSeed.Value));
        var drawn = new HashSet<double>();
        for (var round = 0; round < 2; round++)
        {
            for (var boundMs = 50; boundMs < 20_000; boundMs *= 2)
            {
                var delayMs = backoff.Next().TotalMilliseconds;
                var limitMs = Math.Min(boundMs, 5_000);
                Assert.InRange(delayMs, limitMs / 2, limitMs);
                drawn.Add(delayMs / limitMs);
            }

            backoff.Reset();
        }

        Assert.True(drawn.Count > 2, "all delays are the same part of their bound");
    }
}
