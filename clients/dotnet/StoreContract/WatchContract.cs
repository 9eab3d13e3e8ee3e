// Watches through IStore: what they are told, and in which order.
using System.Threading.Channels;

namespace Belay.StoreContract;

public abstract class WatchContract(IStoreDoor door) : StoreContract(door)
{
    private readonly Channel<string> _told = Channel.CreateUnbounded<string>();

    [StoreFact]
    public async Task S3_AWatchMayBeginWithTheStateAndSeeOldValues()
    {
        await FillAsync(5);
        await using var watch = await Store.WatchAsync(
            new WatchOptions
            {
                Range = KeyRange.Between(Utf8("key00001"), Utf8("key00003")),
                StateFirst = true,
                OldValues = true,
            },
            Tell);
        Assert.Equal(["Reset ", "Put key00001=value1", "Put key00002=value2", "Synced "], await NextAsync(4));
        await Store.PutAsync(Utf8("key00003"), Utf8("outside"));
        await Store.PutAsync(Utf8("key00002"), Utf8("new"));
        await Store.DeleteAsync(Utf8("key00001"));
        Assert.Equal(["Put key00002=new, was value2", "Delete key00001=, was value1"], await NextAsync(2));
    }

    [StoreFact]
    public async Task S3_AWatchGoesOnWhereItsNameHasGot()
    {
        var options = new WatchOptions { Name = Space, StateFirst = true };
        var first = await Store.WatchAsync(options, Tell);
        Assert.Equal(["Reset ", "Synced "], await NextAsync(2));
        await ThrowsAsync(BelayStatus.AlreadyExists, async () => await Store.WatchAsync(options, Tell));
        await Store.PutAsync(Utf8("a"), Utf8("1"));
        await Store.PutAsync(Utf8("b"), Utf8("2"));
        Assert.Equal(["Put a=1", "Put b=2"], await NextAsync(2));
        await ThrowsAsync(BelayStatus.FailedPrecondition, async () => await Store.ForgetWatchAsync(Space));
        await first.DisposeAsync();
        await first.Released.WaitAsync(HangTimeout);

        await Store.PutAsync(Utf8("c"), Utf8("3"));
        var second = await Store.WatchAsync(options, Tell);
        Assert.Equal(["Put c=3"], await NextAsync(1));
        await second.DisposeAsync();
        await second.Released.WaitAsync(HangTimeout);

        await Store.ForgetWatchAsync(Space);
        await using var anew = await Store.WatchAsync(options, Tell);
        Assert.Equal(["Reset ", "Put a=1", "Put b=2", "Put c=3", "Synced "], await NextAsync(5));
        await ThrowsAsync(BelayStatus.NotFound, async () => await Store.ForgetWatchAsync("never attached"));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Store.ForgetWatchAsync(null!));
    }

    [StoreFact]
    public async Task S3_AWatchThatFallsTooFarBehindIsToldTheState()
    {
        using var mayGoOn = new ManualResetEventSlim();
        await using var watch = await Store.WatchAsync(new WatchOptions { LagLimit = 1 }, (changes, call) =>
        {
            Tell(changes, call);
            Assert.True(mayGoOn.Wait(HangTimeout));
        });
        await Store.PutAsync(Utf8("a"), Utf8("0"));
        Assert.Equal(["Put a=0"], await NextAsync(1));
        for (var i = 1; i <= 5; i++)
            await Store.PutAsync(Utf8("a"), Utf8($"{i}"));
        mayGoOn.Set();
        Assert.Equal(["Reset ", "Put a=5", "Synced "], await NextAsync(3));
    }

    [StoreFact]
    public async Task I7_AWatchThatCannotBeIsRefused()
    {
        foreach (var options in new[]
                 {
                     new WatchOptions { Prefix = Utf8("a"), Range = KeyRange.Prefix(Utf8("b")) },
                     new WatchOptions { StateFirst = true, FromRevision = 1 },
                     new WatchOptions { Name = new string('x', 256) },
                 })
        {
            await ThrowsAsync(BelayStatus.InvalidArgument, async () => await Store.WatchAsync(options, Tell));
        }
    }

    private void Tell(RowBlock changes, CallContext call)
    {
        foreach (var change in changes.Changes)
        {
            var value = change.Row.Key.IsEmpty ? "" : $"{Text(change.Row.Key)}={Text(change.Row.Value)}";
            var old = change.Old.Exists ? $", was {Text(change.Old.Value)}" : "";
            _told.Writer.TryWrite($"{change.Row.Kind} {value}{old}");
        }
    }

    private async Task<List<string>> NextAsync(int count)
    {
        using var patience = new CancellationTokenSource(HangTimeout);
        var next = new List<string>();
        while (next.Count < count)
            next.Add(await _told.Reader.ReadAsync(patience.Token));
        return next;
    }
}
