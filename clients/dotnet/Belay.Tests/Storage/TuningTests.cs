// What a program may say about its store when it opens it (I7): what is within the bounds is taken, what is beyond them
// is refused by name.
using static Belay.Tests.Support;

namespace Belay.Tests;

public sealed class TuningTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void I7_WhatIsWithinTheBoundsIsTaken()
    {
        var tuning = new StoreTuning { CacheBytes = 1 << 20, BufferBytes = 1 << 20, Jobs = 1, BloomBits = 12 };
        var history = new HistoryBounds { SizeBytes = 128 << 20, Revisions = 1000, Age = TimeSpan.FromHours(1) };
        foreach (var one in (StoreTuning[])[tuning, tuning with { BloomBits = 0 }, new StoreTuning()])
        {
            using var test = Open(one, history);
            test.Broker.Store.Put("k"u8, "v"u8);
        }
    }

    [Fact]
    public void I7_WhatIsBeyondABoundIsRefusedByName()
    {
        Refused(new() { Jobs = 65 }, "max_background_jobs is 65");
        Refused(new() { BloomBits = 33 }, "33");
        Refused(new() { BufferBytes = 1 }, "write_buffer");
    }

    [Fact]
    public void WhatStandsForTheDefaultCannotBeAskedFor()
    {
        foreach (var tuning in (StoreTuning[])[
            new() { CacheBytes = 0 }, new() { BufferBytes = 0 }, new() { Jobs = 0 }, new() { Jobs = -1 },
            new() { BloomBits = -1 }])
            Assert.Throws<ArgumentOutOfRangeException>(() => Open(tuning, null));
        foreach (var history in (HistoryBounds[])[
            new() { SizeBytes = 0 }, new() { Revisions = 0 }, new() { Age = TimeSpan.Zero }])
            Assert.Throws<ArgumentOutOfRangeException>(() => Open(null, history));
    }

    private TestBroker Open(StoreTuning? tuning, HistoryBounds? history) =>
        new(new BrokerOptions { StorePath = _folder.Path, Tuning = tuning, History = history, Log = (_, _) => { } });

    private void Refused(StoreTuning tuning, string text)
    {
        var error = Assert.Throws<BelayException>(() => Open(tuning, null));
        Assert.Equal(BelayStatus.InvalidArgument, error.Status);
        Assert.Contains(text, error.Message, StringComparison.Ordinal);
    }
}
