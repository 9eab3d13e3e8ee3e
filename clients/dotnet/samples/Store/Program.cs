// A store in C#, through either door: writes under the eyes of a validator and a watch until it (or the broker) is
// killed, then finds everything.
//
//   Store PLACE write   prints each key once it was committed, and goes on until it is killed
//   Store PLACE check   reads keys from standard input; exit 0 if all are there
//
// PLACE is a folder, for a store in this process, or the address of a belayd, unix:/path.
using System.Runtime.CompilerServices;
using System.Text;
using Belay;
using Belay.Client;

var (place, mode) = (args[0], args[1]);
await using IBroker broker = place.StartsWith("unix:", StringComparison.Ordinal)
    ? await BelayClient.ConnectAsync(place)
    : Broker.Open(new BrokerOptions { StorePath = place });
return mode == "write" ? await WriteAsync(broker.Store) : await CheckAsync(broker.Store);

static async Task<int> WriteAsync(IStore store)
{
    await using var validator = await AttachRuleAsync(store, "the value is empty");
    await using var watch = await AttachNewsAsync(store, Console.Out);
    if (!await IsRefusedAsync(store))
        return 2;
    try
    {
        for (var i = 0; ; i++)
            await store.PutAsync(Utf8($"key-{i}"), Utf8($"key-{i}"));
    }
    catch (BelayException exception) when (exception.Status == BelayStatus.Unavailable)
    {
        await Console.Error.WriteLineAsync($"the broker is gone: {exception.Message}");
        return 0;
    }
}

static async Task<int> CheckAsync(IStore store)
{
    var keys = 0;
    while (await Console.In.ReadLineAsync() is { } key)
    {
        if (await store.GetAsync(Utf8(key)) is not { } found || Encoding.UTF8.GetString(found.Value) != key)
            return 3;
        keys++;
    }
    if (await store.GetAsync(Utf8("bad")) != null)
        return 4;
    var closures = await AttachAndDetachAsync(store);
    foreach (var closure in closures)
    {
        await Task.Yield(); // Off the stack of the method that attached, which would keep what it made.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        if (closure.IsAlive)
            return 5;
    }
    Console.WriteLine($"{keys} keys are there, and what the rule and the news closed over was collected");
    return 0;
}

// In a method of its own, so that what the functions close over lives nowhere but in them.
[MethodImpl(MethodImplOptions.NoInlining)]
static async Task<WeakReference[]> AttachAndDetachAsync(IStore store)
{
    var (text, news) = (new string('!', 20), new StringWriter());
    var rule = await AttachRuleAsync(store, text);
    var watch = await AttachNewsAsync(store, news);
    var refused = await IsRefusedAsync(store);
    await rule.DisposeAsync();
    await watch.DisposeAsync();
    // Belay says when nothing can call them any more.
    await Task.WhenAll(rule.Released, watch.Released);
    return refused ? [new WeakReference(text), new WeakReference(news)] : throw new InvalidOperationException("not refused");
}

// The rule: no value is empty.
static ValueTask<ISubscription> AttachRuleAsync(IStore store, string text) =>
    store.ValidateAsync(new ValidatorOptions { Label = "rule" }, (rows, _) =>
    {
        foreach (var row in rows)
        {
            if (row.Kind == RowKind.Put && row.Value.IsEmpty)
                return Verdict.Reject(text);
        }
        return Verdict.Accept;
    });

static ValueTask<ISubscription> AttachNewsAsync(IStore store, TextWriter news) =>
    store.WatchAsync(new WatchOptions { Label = "news" }, (changes, _) =>
    {
        foreach (var change in changes)
            news.WriteLine(Encoding.UTF8.GetString(change.Key));
    });

static async Task<bool> IsRefusedAsync(IStore store)
{
    try
    {
        await store.PutAsync(Utf8("bad"), default);
        return false;
    }
    catch (BelayException exception)
    {
        return exception.Reason == "REJECTED";
    }
}

static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
