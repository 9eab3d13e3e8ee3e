// Space, backups, checks and numbers through IStore.
namespace Belay.StoreContract;

public abstract class CareContract(IStoreDoor door) : StoreContract(door)
{
    [StoreFact]
    public async Task S2_ACheckpointIsMadeWhereItIsSaid()
    {
        await Store.PutAsync(Utf8("k"), Utf8("1"));
        var destination = Door.NewDestination();
        var path = await Store.CheckpointAsync(destination);
        Assert.Equal(Path.GetFileName(destination), Path.GetFileName(path));
        Assert.NotEmpty(Directory.GetFiles(path, "*", SearchOption.AllDirectories));
        await Assert.ThrowsAsync<BelayException>(async () => await Store.CheckpointAsync(destination));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Store.CheckpointAsync(null!));
    }

    [StoreFact]
    public async Task S4_ACheckTellsHowFarItIsAndStopsWhenCancelled()
    {
        await FillAsync(100);
        await Store.FlushAsync();
        var told = new List<VerifyProgress>();
        await Store.VerifyAsync(new Reports(told.Add));
        Assert.NotEmpty(told);
        Assert.Equal(told[^1].Total, told[^1].Done);
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await Store.VerifyAsync(new Reports(_ => stop.Cancel()), stop.Token));
        await Assert.ThrowsAsync<FormatException>(
            async () => await Store.VerifyAsync(new Reports(_ => throw new FormatException("no"))));
        await Store.VerifyAsync();
    }

    [StoreFact]
    public async Task TheStoreTellsOfItself()
    {
        await FillAsync(10);
        var revision = await Store.PutAsync(Utf8("k"), Utf8("1"));
        await Store.FlushAsync();
        await Store.CompactAsync(KeyRange.Prefix(Utf8("key")));
        await Store.CompactAsync();
        Assert.NotEqual(0ul, (await Store.EstimateAsync()).Keys);
        Assert.Equal(0ul, (await Store.EstimateAsync(KeyRange.Prefix(Utf8("none")))).Keys);
        var statistics = await Store.GetStatisticsAsync();
        Assert.True(statistics.Revision >= revision);
        Assert.InRange(statistics.OldestRevision, 1ul, revision);
        Assert.Null(statistics.WritesRefused);
        Assert.NotEmpty(statistics.Engine);
        Assert.Equal(statistics.Engine.Count, statistics.Engine.Select(one => one.Name).Distinct().Count());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.FlushAsync(new CancellationToken(true)));
    }

    private sealed class Reports(Action<VerifyProgress> report) : IProgress<VerifyProgress>
    {
        public void Report(VerifyProgress value) => report(value);
    }
}
