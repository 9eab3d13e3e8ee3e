// Space, backups, checks and numbers.
using static Belay.Tests.Support;

namespace Belay.Tests;

public sealed class CareTests : StoreTest
{
    private sealed class Reports(Action<VerifyProgress> report) : IProgress<VerifyProgress>
    {
        public void Report(VerifyProgress value) => report(value);
    }

    [Fact]
    public async Task S2_ACheckpointIsAStoreOfItsMoment()
    {
        Store.Put("k"u8, "1"u8);
        var path = await Store.CheckpointAsync(Path.Combine(Folder, "backup"));
        Store.Put("k"u8, "2"u8);
        using var backup = new TestBroker(new BrokerOptions { StorePath = path, Log = (_, _) => { } });
        Assert.Equal("1", ValueOf(backup.Broker.Store, "k"));
        Assert.Throws<BelayException>(() => Store.Checkpoint(path));
        Assert.Throws<ArgumentNullException>(() => Store.Checkpoint(null!));
    }

    [Fact]
    public void S4_ACheckTellsHowFarItIs()
    {
        Fill(100);
        Store.Flush();
        var told = new List<VerifyProgress>();
        Store.Verify(new Reports(told.Add));
        Assert.NotEmpty(told);
        Assert.Equal(told[^1].Total, told[^1].Done);
        Store.Verify();
    }

    [Fact]
    public async Task S4_ACheckStopsWhenCancelledAndWhenItsProgressThrows()
    {
        Fill(10);
        using var stop = new CancellationTokenSource();
        var told = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.VerifyAsync(new Reports(_ =>
        {
            told++;
            stop.Cancel();
        }), stop.Token));
        Assert.Equal(1, told);
        Assert.Throws<FormatException>(() => Store.Verify(new Reports(_ => throw new FormatException("no"))));
        Store.Verify();
    }

    [Fact]
    public async Task TheStoreTellsOfItself()
    {
        Fill(10);
        IStore store = Store;
        var statistics = await store.GetStatisticsAsync();
        Assert.Equal((10ul, 1ul), (statistics.Revision, statistics.OldestRevision));
        Assert.Null(statistics.WritesRefused);
        Assert.NotEmpty(statistics.Engine);
        Assert.Equal(statistics.Engine.Count, statistics.Engine.Select(one => one.Name).Distinct().Count());
        Assert.All(statistics.Engine, one => Assert.NotEmpty(one.Name));
        Store.TrimHistory(5);
        Assert.Equal(5ul, Store.GetStatistics().OldestRevision);
        await ThrowsAsync(BelayStatus.Compacted, async () =>
            await store.WatchAsync(new WatchOptions { FromRevision = 2 }, (_, _) => { }));
        Store.Recover();
    }
}
