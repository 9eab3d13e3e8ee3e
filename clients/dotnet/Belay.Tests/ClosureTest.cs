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

        using (var calls = new Load(handles, (ulong)seed))
        {
            calls.Await(2 * Count);
            Assert.Equal((Count, 0), (closures.Count(closure => closure.IsAlive), releases.Sum()));
            await ReleaseAll(random, callbacks, handles);
            await Task.WhenAll(released).OrHang();
            calls.Await(3 * Count);
            var totals = calls.Stop();
            output.WriteLine($"calls from native threads: {totals}");
            Assert.True(totals is { Wrong: 0, Answered: > 0, Refused: > 0 }, totals.ToString());
        }

        Assert.Equal(Count, releases.Count(count => count == 1));
        Assert.Equal(0, test.Broker.Ledger.EndedAgain);
        Assert.Equal((0, 0, Count), (test.Broker.Ledger.Live, test.Broker.Ledger.Roots, test.Broker.Ledger.Ended));
        Assert.DoesNotContain(test.Broker.List(), info => info.Kind == HandleKind.Callback);
        CollectGarbage();
        Assert.Equal(0, closures.Count(closure => closure.IsAlive));
        test.Dispose();
    }

    /// <summary>Native threads that call without pause, and a thread that collects garbage without pause.</summary>
    private sealed class Load : IDisposable
    {
        private readonly Thread _collector;
        private volatile bool _done;
        private nint _callers;

        internal Load(ulong[] handles, ulong seed)
        {
            _collector = new Thread(Collect) { IsBackground = true };
            _collector.Start();
            _callers = Callers.Start(handles, 4, seed);
        }

        internal void Await(ulong calls) => Callers.Await(_callers, calls);

        internal Callers.Totals Stop()
        {
            _done = true;
            Assert.True(_collector.Join(HangTimeout));
            return Callers.Stop(Interlocked.Exchange(ref _callers, 0));
        }

        public void Dispose()
        {
            if (_callers != 0) // The test has failed: stop them all the same.
                Stop();
        }

        private void Collect()
        {
            for (var i = 0; !_done; i++)
                GC.Collect(i % 3, GCCollectionMode.Forced, blocking: true, compacting: i % 2 == 0);
        }
    }

    /// <summary>
    /// Releases both handles of every callback, in random order: the native one from native threads; the one that the
    /// Callback object stands for by managed threads, by native threads, or by the finalizer, as the lot falls.
    /// </summary>
    private async Task ReleaseAll(Random random, Callback?[] callbacks, ulong[] handles)
    {
        var order = Enumerable.Range(0, Count).ToArray();
        random.Shuffle(order);
        var lots = order.ToLookup(_ => (Releaser)random.Next(3));
        random.Shuffle(order);
        output.WriteLine($"released by managed threads {lots[Releaser.Managed].Count()}, native threads " +
                         $"{lots[Releaser.Native].Count()}, the finalizer {lots[Releaser.Finalizer].Count()}");
        await Task.WhenAll(
            ReleaseOnThreads([.. lots[Releaser.Managed]], callbacks),
            Task.Run(() =>
            {
                foreach (var chunk in order.Chunk(500))
                    Assert.Equal((ulong)chunk.Length, Callers.Release(chunk.Select(i => handles[i]).ToArray(), 2));
            }),
            Task.Run(() => ReleaseByNative([.. lots[Releaser.Native]], callbacks)),
            Task.Run(() => Forget([.. lots[Releaser.Finalizer]], callbacks))).OrHang();
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
