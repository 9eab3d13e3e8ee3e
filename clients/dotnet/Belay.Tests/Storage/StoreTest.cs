// A store for one test, in a folder of its own; and small helps.
//
// Invariants: as TestBroker: every closure of the test's has ended, once, when it is over.
using static Belay.Tests.Support;

namespace Belay.Tests;

public abstract class StoreTest : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TestBroker _test;

    protected StoreTest() =>
        _test = new TestBroker(new BrokerOptions { Name = "store", StorePath = Folder, Log = (_, _) => { } });

    private protected Broker Broker => _test.Broker;

    private protected Store Store => Broker.Store;

    private protected string Folder => _folder.Path;

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        _test.Dispose();
        _folder.Dispose();
    }

    private protected void Fill(int count)
    {
        for (var i = 0; i < count; i++)
            Store.Put(Utf8($"key{i:d5}"), Utf8($"value{i}"), WriteOptions.Async);
    }

    private protected static List<string> KeysOf(Cursor cursor)
    {
        var keys = new List<string>();
        while (cursor.Next(out var rows))
        {
            foreach (var row in rows)
                keys.Add(Text(row.Key));
        }
        return keys;
    }

    private protected static string? ValueOf(StoreReader store, string key) =>
        store.Get(Utf8(key)) is { } found ? Text(found.Value) : null;
}
