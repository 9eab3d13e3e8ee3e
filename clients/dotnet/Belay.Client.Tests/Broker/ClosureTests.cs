// The closure test on this door: thousands of lambdas that capture objects, called from another session while the
// collector runs, let go in random order from every kind of thread. Nothing may be lost, kept or ended twice.
using System.Buffers;
using Belay.Client.Tests.Support;
using Xunit.Abstractions;

namespace Belay.Client.Tests.Broker;

public class ClosureTests(Belayd belayd, ITestOutputHelper output) : IClassFixture<Belayd>
{
    private const int Count = 10_000;
    private const int CapturedBytes = 1024;

    private readonly Random _random = new(TestSeed.Value);

    [BelaydFact]
    public async Task W5_R3_ten_thousand_closures_end_exactly_once_and_are_collected()
    {
        output.WriteLine($"BELAY_TEST_SEED={TestSeed.Value}");
        var host = await belayd.ConnectAsync("closures-host");
        var caller = await belayd.ConnectAsync("closures-caller");
        var disposals = new int[Count];
        var captured = new WeakReference[Count];
        var released = new Task[Count];
        var mine = new RemoteCallback?[Count];
        var theirs = new RemoteCallback?[Count];
        await InBatchesAsync(async i =>
        {
            (mine[i], captured[i]) = await RegisterAsync(host, i, disposals);
            released[i] = mine[i]!.Released;
            theirs[i] = await caller.ResolveAsync(Name(i));
        });
        Assert.Equal((Count, (long)Count), (host.Session.Hosting.Count, host.Ledger.Live));
        // Of each: the host's, the caller's and the name's.
        Assert.Equal(3 * Count, (await belayd.CallbacksOfAsync(host)).Count);

        using var collecting = new CancellationTokenSource();
        var collector = Task.Factory.StartNew(
            () => Collect(collecting.Token),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await InBatchesAsync(async i =>
        {
            var reply = await theirs[i]!.InvokeAsync(BitConverter.GetBytes(i));
            Assert.Equal((i, Sum(i)), (BitConverter.ToInt32(reply), BitConverter.ToInt32(reply, 4)));
        });
        Assert.Equal(0, disposals.Count(d => d != 0));

        await ReleaseAllAsync(mine, theirs);
        await Task.WhenAll(released).Within();
        await collecting.CancelAsync();
        await collector;

        Assert.Equal(Count, disposals.Count(d => d == 1));
        Assert.Equal(
            (0L, (long)Count, 0L, 0L),
            (host.Ledger.Live, host.Ledger.Ended, host.Ledger.EndedAgain, host.Ledger.Roots));
        Assert.Equal(
            (0, 0, 0L), (host.Session.Hosting.Count, host.Session.Hosting.Running, host.Session.Hosting.Unknown));
        await caller.PingAsync(Patience.Token); // the last releases of its finalizers have been applied
        Assert.Empty(await belayd.CallbacksOfAsync(host));
        Assert.Empty(await belayd.CallbacksOfAsync(caller));
        await Collected.WithinAsync(captured);
    }

    /// <summary>In a method of its own, so that what the lambda captures lives nowhere but in it.</summary>
    private static async Task<(RemoteCallback Callback, WeakReference Captured)> RegisterAsync(
        BelayClient host, int i, int[] disposals)
    {
        var captured = new Captured(i, disposals);
        var callback = await host.RegisterAsync(
            (request, reply, _) =>
            {
                reply.Write(request);
                reply.Write(BitConverter.GetBytes(captured.Sum()));
            },
            new CallbackOptions { Name = Name(i), Owned = captured });
        return (callback, new WeakReference(captured));
    }

    /// <summary>Lets every handle go: disposed on pool threads, on threads of their own, or forgotten for the
    /// finalizer.</summary>
    private async Task ReleaseAllAsync(params RemoteCallback?[][] tables)
    {
        var order = tables.SelectMany(
            table => Enumerable.Range(0, table.Length).Select(i => (table, i, how: _random.Next(4)))).ToArray();
        _random.Shuffle(order);
        var ways = order.GroupBy(o => o.how).Select(group => Task.Factory.StartNew(
            async () =>
            {
                foreach (var (table, i, how) in group)
                {
                    var callback = table[i]!;
                    table[i] = null;
                    if (how == 0)
                        callback.Dispose();
                    else if (how == 1)
                        await callback.DisposeAsync();
                    else if (how == 2)
                        new Thread(callback.Dispose).Start();
                }
            },
            TaskCreationOptions.LongRunning).Unwrap());
        await Task.WhenAll(ways).Within();
    }

    private static Task InBatchesAsync(Func<int, Task> body) =>
        Parallel.ForEachAsync(
            Enumerable.Range(0, Count),
            new ParallelOptions { MaxDegreeOfParallelism = 64, CancellationToken = Patience.Token },
            async (i, _) => await body(i));

    private static void Collect(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private static string Name(int i) => $"closure.{i}";

    private static int Sum(int i)
    {
        var sum = 0;
        for (var n = 0; n < CapturedBytes; n++)
            sum += (byte)(i + n);
        return sum;
    }

    /// <summary>What a lambda closes over.</summary>
    private sealed class Captured : IDisposable
    {
        private readonly int _index;
        private readonly int[] _disposals;
        private readonly byte[] _bytes = new byte[CapturedBytes];

        public Captured(int index, int[] disposals)
        {
            _index = index;
            _disposals = disposals;
            for (var n = 0; n < CapturedBytes; n++)
                _bytes[n] = (byte)(index + n);
        }

        public int Sum() => _bytes.Sum(b => b);

        public void Dispose()
        {
            Interlocked.Increment(ref _disposals[_index]);
            Array.Clear(_bytes); // a call after this would answer a wrong sum
        }
    }
}
