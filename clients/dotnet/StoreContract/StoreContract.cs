// What the contract's tests have in common: a keyspace of each test's own, and small helps.
//
// Invariants: nothing here sleeps to synchronize; every wait ends by an event, or fails the test after HangTimeout.
using System.Runtime.CompilerServices;
using System.Text;

namespace Belay.StoreContract;

/// <summary>A way to a store, opened for one test and closed after it.</summary>
public interface IStoreDoor : IAsyncDisposable
{
    /// <summary>The default keyspace of a broker.</summary>
    Task<IStore> OpenAsync();

    /// <summary>What this door takes for the destination of a backup that does not exist yet.</summary>
    string NewDestination();
}

/// <summary>Tests of a door.</summary>
public abstract class StoreContract(IStoreDoor door) : IAsyncLifetime
{
    private static int _lastSpace;
    private IStore? _store;

    /// <summary>A wait this long is a hang: far beyond anything a loaded machine needs.</summary>
    protected static readonly TimeSpan HangTimeout = TimeSpan.FromMinutes(4);

    /// <summary>A keyspace that no other test has.</summary>
    protected IStore Store => _store!;

    /// <summary>Its name.</summary>
    protected string Space { get; } = $"contract{Interlocked.Increment(ref _lastSpace)}";

    /// <summary>How it is reached.</summary>
    protected IStoreDoor Door => door;

    public async Task InitializeAsync() => _store = await (await door.OpenAsync()).CreateKeyspaceAsync(Space);

    public async Task DisposeAsync()
    {
        await _store!.DisposeAsync();
        await door.DisposeAsync();
    }

    protected static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    protected static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);

    protected static string? Text(StoredValue? found) => found is { } value ? Text(value.Value) : null;

    protected async Task FillAsync(int count)
    {
        for (var i = 0; i < count; i += 1000)
        {
            var batch = new WriteBatch();
            for (var n = i; n < Math.Min(count, i + 1000); n++)
                batch.Put(Utf8($"key{n:d5}"), Utf8($"value{n}"));
            await Store.WriteAsync(batch, Durability.Async);
        }
    }

    protected static async Task<List<string>> KeysAsync(IAsyncEnumerable<Row> rows)
    {
        var keys = new List<string>();
        await foreach (var row in rows)
            keys.Add(Text(row.Key));
        return keys;
    }

    protected static async Task<BelayException> ThrowsAsync(BelayStatus status, Func<Task> action, string? reason = null)
    {
        var exception = await Assert.ThrowsAsync<BelayException>(action);
        Assert.True(status == exception.Status, $"expected {status}, got {exception.Status}: {exception.Message}");
        if (reason != null)
            Assert.Equal(reason, exception.Reason);
        return exception;
    }

    /// <summary>Collects until the object is gone, or fails.</summary>
    protected static async Task AssertCollectedAsync(WeakReference reference)
    {
        for (var end = DateTime.UtcNow + HangTimeout; reference.IsAlive;)
        {
            Assert.True(DateTime.UtcNow < end, "it is still alive");
            await Task.Yield(); // Off the stack of whatever has just completed: it may be what keeps it.
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}

/// <summary>What a function closes over.</summary>
internal sealed class Captured
{
    private readonly byte[] _bytes = new byte[1024];

    internal bool IsWhole
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        get => Array.TrueForAll(_bytes, b => b == 0);
    }
}
