// Registering, invoking, retaining, releasing: the life of a byte callback.
using System.Buffers;
using static Belay.Tests.Support;

namespace Belay.Tests;

public class CallbackTests
{
    [Fact]
    public void EchoAnswersInEveryForm()
    {
        using var test = new TestBroker();
        using var echo = test.Broker.Register(Echo);
        Assert.Equal("hello", Text(echo.Invoke("hello"u8)));
        Assert.Empty(echo.Invoke([]));
        Span<byte> buffer = stackalloc byte[16];
        Assert.Equal(5, echo.Invoke("hello"u8, buffer, out var larger));
        Assert.Null(larger);
        Assert.Equal("hello", Text(buffer[..5]));
        var writer = new ArrayBufferWriter<byte>();
        echo.Invoke("hello"u8, writer);
        echo.Invoke(" again"u8, writer);
        Assert.Equal("hello again", Text(writer.WrittenSpan));
    }

    [Fact]
    public async Task AsyncCallbackIsAwaited()
    {
        using var test = new TestBroker();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var callback = test.Broker.Register(async (request, _) =>
        {
            await gate.Task;
            return request;
        });
        var call = Task.Run(() => callback.Invoke("later"u8));
        gate.SetResult();
        Assert.Equal("later", Text(await call.OrHang()));
    }

    [Fact]
    public void AsyncCallbackDoesNotNeedTheCallersSynchronizationContext()
    {
        using var test = new TestBroker();
        using var callback = test.Broker.Register(async (request, _) =>
        {
            await Task.Yield(); // Would be posted to a context that never runs anything.
            return request;
        });
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new DeadContext());
        try
        {
            Assert.Equal("x", Text(callback.Invoke("x"u8)));
            Assert.IsType<DeadContext>(SynchronizationContext.Current);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private sealed class DeadContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
        }
    }

    [Fact]
    public void NativeThreadInvokesACSharpCallback()
    {
        using var test = new TestBroker();
        using var echo = test.Broker.Register(Echo);
        Span<byte> reply = stackalloc byte[8];
        Assert.Equal(BelayStatus.Ok, Callers.Invoke(echo.Handle, "native"u8, reply, out var size));
        Assert.Equal("native", Text(reply[..(int)size]));
    }

    [Fact]
    public void CSharpInvokesANativeCallback()
    {
        using var test = new TestBroker();
        using var echo = Callers.RegisterEcho(test.Broker.Handle);
        Assert.Equal("back", Text(echo.Invoke("back"u8)));
        Assert.Throws<InvalidOperationException>(() => { _ = echo.Released; });
    }

    [Fact]
    public void CallbackLearnsAboutItsCall()
    {
        using var test = new TestBroker();
        using var owner = test.Broker.OpenOwner("caller");
        CallContext seen = default;
        TimeSpan? left = null;
        using var callback = test.Broker.Register((_, _, call) =>
        {
            seen = call;
            left = call.TimeLeft;
        });
        using var source = new CancellationTokenSource();
        callback.Invoke([], new InvokeOptions
        {
            Timeout = TimeSpan.FromMinutes(1),
            TraceHigh = 7,
            TraceLow = 9,
            Caller = owner,
            Cancellation = source.Token,
        });
        Assert.Equal((7ul, 9ul, owner.Handle), (seen.TraceHigh, seen.TraceLow, seen.CallerHandle));
        Assert.InRange(left!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        Assert.Equal(source.Token, seen.Cancellation);
        callback.Invoke([]);
        Assert.Null(left);
        Assert.False(seen.Cancellation.CanBeCanceled);
    }

    [Fact]
    public void R9_PastDeadlineIsRefusedBeforeItRuns()
    {
        using var test = new TestBroker();
        var runs = 0;
        using var callback = test.Broker.Register((_, _, _) => runs++);
        var options = new InvokeOptions { Timeout = TimeSpan.FromSeconds(-1) };
        var refused = Throws(BelayStatus.DeadlineExceeded, () => callback.Invoke([], options));
        Assert.Equal(CallCertainty.NotSent, refused.Certainty);
        Assert.Equal(0, runs);
    }

    [Fact]
    public void R9_ExceptionBecomesCallbackFailedWithTypeAndMessage()
    {
        using var test = new TestBroker();
        using var callback = test.Broker.Register((_, _, _) => throw new FormatException("no such colour: ünknown"));
        var failed = Throws(BelayStatus.CallbackFailed, () => callback.Invoke([]));
        Assert.Contains("System.FormatException", failed.Message, StringComparison.Ordinal);
        Assert.Contains("no such colour: ünknown", failed.Message, StringComparison.Ordinal);
        Assert.Equal(CallCertainty.Started, failed.Certainty);
        Assert.Equal(BelayStatus.CallbackFailed, Callers.Invoke(callback.Handle, [], [], out _));
        Assert.Equal(2ul, callback.Describe().Failures);
    }

    [Fact]
    public void R9_AsyncExceptionBecomesCallbackFailed()
    {
        using var test = new TestBroker();
        using var callback = test.Broker.Register(async (_, _) =>
        {
            await Task.Yield();
            throw new FormatException("late");
        });
        Assert.Contains("late", Throws(BelayStatus.CallbackFailed, () => callback.Invoke([])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void R9_RecursionIsLimited()
    {
        using var test = new TestBroker();
        Callback? self = null;
        int depth = 0, deepest = 0;
        BelayStatus innermost = 0;
        using var callback = test.Broker.Register((_, _, _) =>
        {
            deepest = Math.Max(deepest, ++depth);
            try
            {
                self!.Invoke([]);
            }
            catch (BelayException exception) when (innermost == 0)
            {
                innermost = exception.Status;
            }
            finally
            {
                depth--;
            }
        });
        self = callback;
        callback.Invoke([]);
        Assert.Equal(BelayStatus.RecursionLimit, innermost);
        Assert.Equal(64, deepest);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(1 << 20)]
    public void I3_ReplyLargerThanTheBufferRunsTheCallbackOnce(int size)
    {
        using var test = new TestBroker();
        var runs = 0;
        var answer = new byte[size];
        new Random(1).NextBytes(answer);
        using var callback = test.Broker.Register((_, reply, _) =>
        {
            runs++;
            reply.Write(answer);
        });
        Assert.Equal(answer, callback.Invoke([]));
        Assert.Equal(1, runs);

        Span<byte> small = stackalloc byte[4];
        Assert.Equal(size, callback.Invoke([], small, out var larger));
        Assert.Equal(2, runs);
        Assert.Equal(size > small.Length, larger != null);
        Assert.Equal(answer, larger ?? small[..size].ToArray());

        var writer = new ArrayBufferWriter<byte>(4);
        callback.Invoke([], writer);
        Assert.Equal(answer, writer.WrittenSpan.ToArray());
        Assert.Equal(3, runs);
    }

    [Fact]
    public void InvokeAllocatesNothing()
    {
        using var test = new TestBroker();
        using var echo = test.Broker.Register(Echo);
        var request = new byte[32];
        var buffer = new byte[64];
        for (var i = 0; i < 1000; i++)
            echo.Invoke(request, buffer, out _);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            echo.Invoke(request, buffer, out _);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void NestedCallsDoNotMixTheirReplies()
    {
        using var test = new TestBroker();
        using var inner = test.Broker.Register(Echo);
        using var outer = test.Broker.Register((request, reply, _) =>
        {
            reply.Write("<"u8);
            reply.Write(inner.Invoke(request));
            reply.Write(">"u8);
        });
        Assert.Equal("<x>", Text(outer.Invoke("x"u8)));
    }

    [Fact]
    public void ReplyWriterRefusesNonsense()
    {
        using var test = new TestBroker();
        IBufferWriter<byte>? kept = null;
        using var callback = test.Broker.Register((_, reply, _) =>
        {
            kept = reply;
            Assert.Throws<ArgumentOutOfRangeException>(() => reply.Advance(-1));
            Assert.Throws<ArgumentOutOfRangeException>(() => reply.Advance(1 << 30));
            Assert.Throws<ArgumentOutOfRangeException>(() => reply.GetSpan(-1));
            "ok"u8.CopyTo(reply.GetMemory(2).Span);
            reply.Advance(2);
        });
        Assert.Equal("ok", Text(callback.Invoke([])));
        Assert.Throws<ObjectDisposedException>(() => kept!.GetSpan());
    }
}
