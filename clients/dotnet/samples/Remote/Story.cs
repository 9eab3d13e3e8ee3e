// The story of a host: three closures in another process's service.
//
// Thread safety: one teller; closures run on the thread pool.
using System.Runtime.CompilerServices;
using System.Text;
using Belay.Client;

namespace Belay.Samples.Remote;

internal sealed class Story : IAsyncDisposable
{
    private const string WatchedPrefix = "demo/";
    private const string GreetName = "demo.greet";

    private readonly string _address;
    private readonly BelayClient _belay;
    private readonly TaskCompletionSource _inFlight = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _finish = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private RemoteCallback? _filter;
    private RemoteCallback? _greet;
    private WeakReference? _guest;
    private ISubscription? _watch;

    private Story(string address, BelayClient belay)
    {
        _address = address;
        _belay = belay;
    }

    /// <summary>Connects and registers the three.</summary>
    public static async Task<Story> BeginAsync(string address, long overKib)
    {
        var belay = await BelayClient.ConnectAsync(address, new BelayClientOptions { ClientName = "remote-sample" });
        Narrator.Say(2, $"connected to {address} as session {belay.SessionId}");
        var story = new Story(address, belay);
        await story.RegisterFilterAsync(overKib);
        await story.RegisterWatchAsync();
        await story.RegisterGreetAsync();
        return story;
    }

    /// <summary>Runs a scan through the filter and prints what it kept.</summary>
    public async Task ScanAsync(string prefix)
    {
        var options = new ScanOptions { Prefix = Encoding.UTF8.GetBytes(prefix) };
        var kept = 0;
        await foreach (var row in ((RemoteStore)_belay.Store).ScanAsync(options, _filter!))
        {
            kept++;
            Narrator.Say(3, $"kept {Encoding.UTF8.GetString(row.Key)}, {PackageFilter.InstalledKib(row.Value)} KiB");
        }

        Narrator.Say(3, $"the scan kept {kept} rows");
    }

    /// <summary>Writes a key, which the watch may see.</summary>
    public async Task PutAsync(string key, string value)
    {
        var revision = await _belay.Store.PutAsync(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value));
        Narrator.Say(3, $"wrote {key} at revision {revision}");
    }

    /// <summary>Lets the greeting go while a call of it runs, and tells what happens when.</summary>
    /// <returns>Whether everything happened when it should.</returns>
    public async Task<bool> ReleaseInFlightAsync()
    {
        if (_greet is not { } greet)
        {
            Narrator.Say(4, "the greeting was released before");
            return true;
        }

        await using var caller = await BelayClient.ConnectAsync(
            _address, new BelayClientOptions { ClientName = "remote-sample-caller" });
        var theirs = await caller.ResolveAsync(GreetName);
        var call = theirs.InvokeAsync("slow caller"u8.ToArray()).AsTask();
        await _inFlight.Task;
        Narrator.Say(4, "a call of demo.greet is in flight");

        var released = greet.Released;
        await greet.ReleaseAsync();
        await theirs.ReleaseAsync();
        _greet = null;
        await _belay.PingAsync();
        var early = released.IsCompleted;
        var state = early ? "GONE TOO EARLY" : "still alive, for the call runs on";
        Narrator.Say(4, $"both handles are released; the closure is {state}");

        _finish.SetResult();
        await released;
        Narrator.Say(4, "handle freed: the library holds the closure no more");
        Narrator.Say(4, $"the caller got \"{Encoding.UTF8.GetString(await call)}\"");
        var collected = await IsCollectedAsync(_guest!);
        Narrator.Say(4, $"weak reference: {(collected ? "dead, the closure was collected" : "STILL ALIVE")}");
        return collected && !early;
    }

    /// <summary>Ends the session; what is still registered ends with it.</summary>
    public async ValueTask DisposeAsync()
    {
        var ended = new List<Task>();
        if (_watch is { } watch)
            ended.Add(watch.Released);
        if (_filter is { } filter)
            ended.Add(filter.Released);
        if (_greet is { } greet)
            ended.Add(greet.Released);
        await _belay.DisposeAsync();
        await Task.WhenAll(ended);
        Narrator.Say(6, "session closed, every closure has ended");
    }

    private async Task RegisterFilterAsync(long overKib)
    {
        var filter = PackageFilter.Create(overKib);
        _filter = await _belay.RegisterFilterAsync(
            filter, new CallbackOptions { Label = $"section net, over {overKib} KiB" });
        Narrator.Say(
            2, $"registered filter \"section net and installed size over {overKib} KiB\": handle {_filter.Handle}");
    }

    private async Task RegisterWatchAsync()
    {
        var changes = 0;
        _watch = await _belay.Store.WatchAsync(
            new WatchOptions
            {
                Prefix = Encoding.UTF8.GetBytes(WatchedPrefix),
                Label = $"changes under {WatchedPrefix}",
            },
            (block, _) =>
            {
                foreach (var row in block)
                {
                    var value = row.Kind == RowKind.Put ? $"= {Encoding.UTF8.GetString(row.Value)}" : "deleted";
                    var key = Encoding.UTF8.GetString(row.Key);
                    Narrator.Say(3, $"watch: change {++changes}: {key} {value} at revision {row.Revision}");
                }
            });
        Narrator.Say(2, $"registered watch on {WatchedPrefix}: handle {_watch.Handle}");
    }

    // Not inlined, and the guest in no field: when the closure goes, nothing else must keep the guest.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task RegisterGreetAsync()
    {
        var guest = new Guest("hello");
        _guest = new WeakReference(guest);
        _greet = await _belay.RegisterAsync(
            Greeting(guest), new CallbackOptions { Label = "greets", Name = GreetName, Owned = guest });
        Narrator.Say(2, $"registered callback {GreetName}: handle {_greet.Handle}");
    }

    private CallbackFunction Greeting(Guest guest)
    {
        var (inFlight, finish) = (_inFlight, _finish);
        return async (request, call) =>
        {
            var name = Encoding.UTF8.GetString(request.Span);
            if (!name.StartsWith("slow", StringComparison.Ordinal))
            {
                Narrator.Say(2, $"{GreetName} is called by {call.Caller}");
                return Encoding.UTF8.GetBytes(guest.Greet(name));
            }

            inFlight.TrySetResult();
            await finish.Task;
            var greeting = guest.Greet(name);
            Narrator.Say(4, "call finished");
            return Encoding.UTF8.GetBytes(greeting);
        };
    }

    private static async Task<bool> IsCollectedAsync(WeakReference reference)
    {
        for (var i = 0; i < 100 && reference.IsAlive; i++)
        {
            await Task.Yield();
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return !reference.IsAlive;
    }
}
