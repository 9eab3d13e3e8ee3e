// What the tests have in common: waiting with a bound, collecting garbage, things that count their disposal.
//
// Invariants: nothing here sleeps to synchronize; every wait ends by an event, or fails the test after HangTimeout.
using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;

namespace Belay.Tests;

internal static class Support
{
    /// <summary>A wait this long is a hang: far beyond anything a loaded machine needs.</summary>
    internal static readonly TimeSpan HangTimeout = TimeSpan.FromMinutes(4);

    internal static Task OrHang(this Task task) => task.WaitAsync(HangTimeout);

    internal static Task<T> OrHang<T>(this Task<T> task) => task.WaitAsync(HangTimeout);

    internal static void OrHang(this ManualResetEventSlim signal) => Assert.True(signal.Wait(HangTimeout), "hangs");

    /// <summary>Collects until finalizers have run and what they let go is collected too.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void CollectGarbage()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    internal static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    internal static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);

    /// <summary>A callback that answers with its request.</summary>
    internal static void Echo(ReadOnlySpan<byte> request, IBufferWriter<byte> reply, CallContext call) => reply.Write(request);

    internal static BelayException Throws(BelayStatus status, Action action)
    {
        var exception = Assert.Throws<BelayException>(action);
        Assert.True(status == exception.Status, $"expected {status}, got: {exception.Message}");
        return exception;
    }

    internal static async Task<BelayException> ThrowsAsync(BelayStatus status, Func<Task> action)
    {
        var exception = await Assert.ThrowsAsync<BelayException>(action);
        Assert.True(status == exception.Status, $"expected {status}, got: {exception.Message}");
        return exception;
    }
}

/// <summary>Counts how often it was disposed.</summary>
internal sealed class Disposals : IDisposable
{
    private int _count;

    internal int Count => Volatile.Read(ref _count);

    public void Dispose() => Interlocked.Increment(ref _count);
}

/// <summary>A folder for one test's store.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("belay-").FullName;

    public void Dispose() => Directory.Delete(Path, true);
}

/// <summary>A broker for one test, which must leave nothing behind: every closure ended, once; every GCHandle freed.</summary>
internal sealed class TestBroker : IDisposable
{
    internal TestBroker(BrokerOptions? options = null)
    {
        Broker = Broker.Open(options ?? new BrokerOptions { Name = "test", Log = (_, text) => Lines.Enqueue(text) });
        Broker.CallbackFaulted += (_, fault) => Faults.Enqueue(fault);
    }

    internal Broker Broker { get; }

    internal System.Collections.Concurrent.ConcurrentQueue<CallbackFaultEventArgs> Faults { get; } = new();

    internal System.Collections.Concurrent.ConcurrentQueue<string> Lines { get; } = new();

    public static implicit operator Broker(TestBroker test) => test.Broker;

    public void Dispose()
    {
        Assert.True(Broker.Close(Support.HangTimeout), "calls are still in flight at the end of the test");
        Assert.Equal(0, Broker.Ledger.Live);
        Assert.Equal(0, Broker.Ledger.Roots);
        Assert.Equal(0, Broker.Ledger.EndedAgain);
    }
}
