// The closure test: 10,000 lambdas, each capturing 1 KiB, invoked from native threads under forced collections, released
// in random order by random threads: managed ones, native ones, and the finalizer's. Then everything is counted.
//
// BELAY_TEST_SEED repeats a run; the seed is printed.
using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Xunit.Abstractions;
using static Belay.Tests.Support;

namespace Belay.Tests;

public class ClosureTest(ITestOutputHelper output)
{
    private const int Count = 10_000;
    private const int CapturedSize = 1024;

    /// <summary>What a lambda captures. Its content proves that it is the right one, and still whole.</summary>
    private sealed class Captured
    {
        private readonly byte[] _bytes = new byte[CapturedSize];
        private readonly ulong _index;

        internal Captured(ulong index)
        {
            _index = index;
            for (var i = 0; i < _bytes.Length; i += sizeof(ulong))
                BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(i), index);
        }

        /// <summary>Answers the request's number plus the index that every word of the captured bytes still holds.</summary>
        internal void Answer(ReadOnlySpan<byte> request, IBufferWriter<byte> reply)
        {
            var number = BinaryPrimitives.ReadUInt64LittleEndian(request);
            var word = BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan((int)(number % (CapturedSize / 8)) * 8));
            BinaryPrimitives.WriteUInt64LittleEndian(reply.GetSpan(8), number + (word == _index ? word : ulong.MaxValue));
            reply.Advance(8);
        }
    }

    /// <summary>Counts how often the closure with its index was released.</summary>
    private sealed class Release(int[] releases, int index) : IDisposable
    {
        public void Dispose() => Interlocked.Increment(ref releases[index]);
    }

    /// <summary>Who is to release a callback.</summary>
    private enum Releaser
    {
        Managed,
        Native,
        Finalizer,
    }

    [Fact]
    public async Task R3_TenThousandClosuresEndExactlyOnce()
    {
        var seed = Environment.GetEnvironmentVariable("BELAY_TEST_SEED") is { Length: > 0 } text
            ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture)
            : Random.Shared.Next();
        output.WriteLine($"BELAY_TEST_SEED={seed}");
        var random = new Random(seed);
        var releases = new int[Count];
        var test = new TestBroker(new BrokerOptions { Name = "closures", Log = (_, _) => { }, CloseTimeout = HangTimeout });
        var closures = new WeakReference[Count];
        var released = new Task[Count];
        var callbacks = new Callback?[Count];
        var handles = new ulong[Count]; // What native threads call: one handle of their own each.
        Register(test.Broker, releases, closures, released, callbacks, handles);
        Assert.Equal((Count, Count), (test.Broker.Ledger.Live, test.Broker.Ledger.Roots));

        using var done = new CancellationTokenSource();
        var collector = new Thread(() => CollectUntil(done.Token)) { IsBackground = true };
        collector.Start();
        var callers = Callers.Start(handles, 4, (ulong)seed);
        Callers.Await(callers, 2 * Count);
        Assert.All(closures, closure => Assert.True(closure.IsAlive));
        Assert.All(releases, count => Assert.Equal(0, count));

        // Both handles of every callback go: the native one from a native thread, the managed one by its lot.
        var order = Enumerable.Range(0, Count).ToArray();
        random.Shuffle(order);
        var lots = order.ToLookup(_ => (Releaser)random.Next(3));
        await Task.WhenAll(
            ReleaseOnThreads(lots[Releaser.Managed].ToArray(), callbacks),
            Task.Run(() =>
            {
                // Those of the first lot still have a native handle too; and so on: all native handles go here.
                foreach (var chunk in order.Chunk(500))
                    Assert.Equal((ulong)chunk.Length, Callers.Release(chunk.Select(i => handles[i]).ToArray(), 2));
            }),
            Task.Run(() => ReleaseByNative(lots[Releaser.Native].ToArray(), callbacks)),
            Task.Run(() => Forget(lots[Releaser.Finalizer].ToArray(), callbacks))).OrHang();
        await Task.WhenAll(released).OrHang();

        Callers.Await(callers, 3 * Count);
        await done.CancelAsync();
        Assert.True(collector.Join(HangTimeout));
        var totals = Callers.Stop(callers);
        output.WriteLine($"calls from native threads: {totals}; by lot: managed {lots[Releaser.Managed].Count()}, " +
                         $"native {lots[Releaser.Native].Count()}, finalizer {lots[Releaser.Finalizer].Count()}");
        Assert.True(totals.Wrong == 0, totals.ToString());
        Assert.True(totals.Answered > 0);

        Assert.All(releases, count => Assert.Equal(1, count));
        Assert.Equal(0, test.Broker.Ledger.EndedAgain);
        Assert.Equal((0, 0, Count), (test.Broker.Ledger.Live, test.Broker.Ledger.Roots, test.Broker.Ledger.Ended));
        Assert.DoesNotContain(test.Broker.List(), info => info.Kind == HandleKind.Callback);
        CollectGarbage();
        Assert.Equal(0, closures.Count(closure => closure.IsAlive));
        test.Dispose();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Register(Broker broker, int[] releases, WeakReference[] closures, Task[] released,
                                 Callback?[] callbacks, ulong[] handles)
    {
        for (var i = 0; i < Count; i++)
        {
            var captured = new Captured((ulong)i);
            closures[i] = new WeakReference(captured);
            var callback = broker.Register((request, reply, _) => captured.Answer(request, reply),
                                           new CallbackOptions { Label = "closure", Owned = new Release(releases, i) });
            released[i] = callback.Released;
            callbacks[i] = callback;
            handles[i] = callback.RetainForNative();
        }
    }

    private static void CollectUntil(CancellationToken done)
    {
        for (var i = 0; !done.IsCancellationRequested; i++)
            GC.Collect(i % 3, GCCollectionMode.Forced, blocking: true, compacting: i % 2 == 0);
    }

    private static Task ReleaseOnThreads(int[] lot, Callback?[] callbacks) =>
        Task.WhenAll(lot.Chunk(Math.Max(1, lot.Length / 4)).Select(chunk => Task.Run(() =>
        {
            foreach (var i in chunk)
            {
                callbacks[i]!.Dispose();
                callbacks[i]!.Dispose();
                callbacks[i] = null;
            }
        })));

    /// <summary>The handles that the Callback objects stand for are released by native threads behind their back.</summary>
    private static void ReleaseByNative(int[] lot, Callback?[] callbacks)
    {
        Assert.Equal((ulong)lot.Length, Callers.Release(lot.Select(i => callbacks[i]!.Handle).ToArray(), 3));
        foreach (var i in lot)
        {
            callbacks[i]!.Dispose(); // Says STALE within, and touches nothing.
            callbacks[i] = null;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(int[] lot, Callback?[] callbacks)
    {
        foreach (var i in lot)
            callbacks[i] = null;
        CollectGarbage();
    }
}
