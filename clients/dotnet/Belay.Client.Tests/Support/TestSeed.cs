// The seed of a randomized test: BELAY_TEST_SEED, or a new one; printed, so that a failure can be run again.
using System.Globalization;

namespace Belay.Client.Tests.Support;

internal static class TestSeed
{
    public static int Value { get; } = Choose();

    private static int Choose()
    {
        var text = Environment.GetEnvironmentVariable("BELAY_TEST_SEED");
        var seed = int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var given)
            ? given
            : Random.Shared.Next();
        Console.WriteLine($"BELAY_TEST_SEED={seed}");
        return seed;
    }
}
