// Callbacks that run where the program says.
using System.Collections.Concurrent;
using static Belay.Tests.Support;

namespace Belay.Tests;

public class RunOnTests
{
    [Fact]
    public void R10_ACallbackRunsOnItsContextAndStaysThere()
    {
        using var test = new TestBroker();
        using var loop = new Loop();
        using var waits = test.Broker.Register(
            async (request, _) =>
            {
                Assert.True(loop.IsCurrent);
                await Task.Run(() => Assert.False(loop.IsCurrent));
                Assert.True(loop.IsCurrent);
                return request;
            },
            new CallbackOptions { RunOn = loop });
        using var answers = test.Broker.Register(
            (request, reply, call) =>
            {
                Assert.True(loop.IsCurrent);
                Echo(request, reply, call);
            },
            new CallbackOptions { RunOn = loop });
        Assert.Equal("1", Text(waits.Invoke(Utf8("1"))));
        Assert.Equal("2", Text(answers.Invoke(Utf8("2"))));
    }

    [Fact]
    public void R7_AContextsThreadRunsItsCallbacksAtOnceAndNeverWaitsForItself()
    {
        using var test = new TestBroker();
        using var loop = new Loop();
        using var answers = test.Broker.Register(Echo, new CallbackOptions { RunOn = loop });
        using var waits = test.Broker.Register(
            async (request, _) =>
            {
                await Task.Yield();
                return request;
            },
            new CallbackOptions { RunOn = loop });
        loop.Run(() =>
        {
            Assert.Equal("x", Text(answers.Invoke(Utf8("x"))));
            var error = Throws(BelayStatus.CallbackFailed, () => waits.Invoke([]));
            Assert.Contains("WOULD_DEADLOCK", error.Detail, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void R9_WhatIsThrownOnAContextIsTheCallersNotTheContexts()
    {
        using var test = new TestBroker();
        using var loop = new Loop();
        using var callback = test.Broker.Register(
            (_, _, _) => throw new FormatException("no"), new CallbackOptions { RunOn = loop });
        Assert.Contains("no", Throws(BelayStatus.CallbackFailed, () => callback.Invoke([])).Detail, StringComparison.Ordinal);
        loop.Run(() => { });
    }

    /// <summary>A thread that runs what is posted to it, as that of a user interface does.</summary>
    private sealed class Loop : SynchronizationContext, IDisposable
    {
        private readonly BlockingCollection<(SendOrPostCallback Run, object? State)> _posted = [];
        private readonly Thread _thread;

        internal Loop()
        {
            _thread = new Thread(() =>
            {
                SetSynchronizationContext(this);
                foreach (var (run, state) in _posted.GetConsumingEnumerable())
                    run(state);
            });
            _thread.Start();
        }

        internal bool IsCurrent => Thread.CurrentThread == _thread;

        public override void Post(SendOrPostCallback d, object? state) => _posted.Add((d, state));

        /// <summary>Runs an action there and waits for it.</summary>
        internal void Run(Action action)
        {
            var done = new TaskCompletionSource();
            Post(_ =>
            {
                try
                {
                    action();
                    done.SetResult();
                }
                catch (Exception e)
                {
                    done.SetException(e);
                }
            }, null);
            done.Task.OrHang().GetAwaiter().GetResult();
        }

        public void Dispose()
        {
            _posted.CompleteAdding();
            _thread.Join();
            _posted.Dispose();
        }
    }
}
