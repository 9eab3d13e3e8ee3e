// Queues, whose calls the program runs, and strands, which run one thing at a time (R10).
using static Belay.Tests.Support;

namespace Belay.Tests;

public class ExecutorTests
{
    [Fact]
    public async Task R10_ACallRunsWhereItsQueueIsRunAndSoDoesItsEnd()
    {
        using var test = new TestBroker();
        using var queue = test.Broker.OpenQueue("loop");
        var here = Environment.CurrentManagedThreadId;
        var threads = new List<int>();
        var owned = new OnDispose(() => threads.Add(Environment.CurrentManagedThreadId));
        var callback = test.Broker.Register(
            (request, reply, call) =>
            {
                threads.Add(Environment.CurrentManagedThreadId);
                Echo(request, reply, call);
            },
            new CallbackOptions { Executor = queue, Owned = owned });
        var call = Task.Run(() => callback.Invoke(Utf8("x")));
        Assert.Equal(1, queue.Run(HangTimeout, most: 1));
        callback.Dispose();
        Assert.Equal(1, queue.Run(HangTimeout));
        Assert.True(callback.Released.IsCompleted);
        Assert.Equal([here, here], threads);
        Assert.Equal("x", Text(await call.OrHang()));
        Assert.Equal(0, queue.Run(TimeSpan.Zero));
    }

    [Fact]
    public async Task R10_AFullQueueRefusesAndAClosedOneEndsWhatWaits()
    {
        using var test = new TestBroker();
        var queue = test.Broker.OpenQueue("loop", new ExecutorOptions { MaxCalls = 1 });
        using var callback = test.Broker.Register(Echo, new CallbackOptions { Executor = queue });
        var calls = new[] { Task.Run(() => callback.Invoke([])), Task.Run(() => callback.Invoke([])) };
        var refused = await Task.WhenAny(calls).OrHang(); // Nobody runs the other.
        await ThrowsAsync(BelayStatus.ResourceExhausted, () => refused);
        queue.Dispose();
        queue.Dispose();
        await ThrowsAsync(BelayStatus.Closed, () => calls.Single(call => call != refused).OrHang());
        Assert.Throws<ObjectDisposedException>(() => queue.Run(TimeSpan.Zero));
        callback.Dispose();
        await callback.Released.OrHang(); // On a thread of Belay's, as nobody runs the queue any more.
    }

    [Fact]
    public async Task AQueueRunsOnAThreadOfItsOwnUntilItIsStoppedOrDisposed()
    {
        using var test = new TestBroker();
        using var queue = test.Broker.OpenQueue("loop");
        using var callback = test.Broker.Register(
            async (request, _) =>
            {
                await Task.Yield();
                return request;
            },
            new CallbackOptions { Executor = queue });
        using var stop = new CancellationTokenSource();
        var running = queue.RunAsync(stop.Token);
        Assert.Equal("x", Text(callback.Invoke(Utf8("x"))));
        await stop.CancelAsync();
        await running.OrHang();
        await queue.RunAsync(stop.Token).OrHang(); // At once.
        running = queue.RunAsync(CancellationToken.None);
        Assert.Equal("y", Text(callback.Invoke(Utf8("y"))));
        queue.Dispose();
        await running.OrHang();
    }

    [Fact]
    public async Task R10_OnAStrandOneCallRunsAtATime()
    {
        using var test = new TestBroker();
        using var strand = test.Broker.OpenStrand("one by one");
        var running = 0;
        var most = 0;
        using var callback = test.Broker.Register(
            (_, _, _) =>
            {
                most = Math.Max(most, Interlocked.Increment(ref running));
                Thread.Yield();
                Interlocked.Decrement(ref running);
            },
            new CallbackOptions { Executor = strand });
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 100; i++)
                callback.Invoke([]);
        }))).OrHang();
        Assert.Equal(1, most);
    }

    [Fact]
    public void WhatCannotBeOpenedIsRefused()
    {
        using var test = new TestBroker();
        Throws(BelayStatus.InvalidArgument, () => test.Broker.OpenQueue(""));
        Assert.Throws<ArgumentNullException>(() => test.Broker.OpenStrand(null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => test.Broker.OpenQueue("x", new ExecutorOptions { MaxCalls = 0 }));
        using var strand = test.Broker.OpenStrand("x");
        Throws(BelayStatus.InvalidArgument,
               () => test.Broker.RegisterTyped((long x) => x, new CallbackOptions { Executor = strand }));
    }

    private sealed class OnDispose(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
