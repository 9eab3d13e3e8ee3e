// Operations that are committed all or none. A batch is a value of the program's: nothing of it is in the broker before
// it is committed, and it can be committed again, for instance when a condition did not hold.
//
// Invariants: what was added does not change any more, whatever the program does with the bytes it gave.
// Thread safety: one thread at a time.
namespace Belay;

/// <summary>A list of writes and conditions, to be committed as one by <see cref="IStore.WriteAsync"/>.</summary>
/// <remarks>Conditions look at the store before the batch. Each key may be named once.</remarks>
public sealed class WriteBatch
{
    private readonly List<BatchOperation> _operations = [];

    /// <summary>How many operations it has.</summary>
    public int Count => _operations.Count;

    internal IReadOnlyList<BatchOperation> Operations => _operations;

    /// <summary>Writes a key.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="value">At most 64 MiB.</param>
    /// <param name="condition">Must hold, or nothing of the batch is written.</param>
    /// <param name="timeToLive">The key is deleted after this time; null: never.</param>
    /// <returns>This batch.</returns>
    public WriteBatch Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Precondition condition = default,
                          TimeSpan? timeToLive = null)
    {
        var options = new WriteOptions { If = condition, TimeToLive = timeToLive };
        _ = options.TimeToLiveMs; // Refused here, where the mistake is, not at the commit.
        return Add(BatchOperationKind.Put, key, value, options);
    }

    /// <summary>Deletes a key. That it is not there is fine, unless a condition says otherwise.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="condition">Must hold, or nothing of the batch is written.</param>
    /// <returns>This batch.</returns>
    public WriteBatch Delete(ReadOnlySpan<byte> key, Precondition condition = default)
    {
        var options = new WriteOptions { If = condition };
        options.ThrowUnlessOfDeletion();
        return Add(BatchOperationKind.Delete, key, default, options);
    }

    /// <summary>Deletes all keys of a range; of the batch's ranges together at most 100,000.</summary>
    /// <param name="range">Which keys.</param>
    /// <returns>This batch.</returns>
    public WriteBatch DeleteRange(KeyRange range) =>
        Add(BatchOperationKind.DeleteRange, range.Start.Span, range.End.Span, default);

    /// <summary>Makes of a key's value and an operand what an operator makes of them, when the batch is committed.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="operatorName">As at <see cref="IStore.MergeAsync"/>.</param>
    /// <param name="operand">At most 64 MiB.</param>
    /// <param name="timeToLive">The key is deleted after this time; null: an expiry that it has stays.</param>
    /// <returns>This batch.</returns>
    public WriteBatch Merge(ReadOnlySpan<byte> key, string operatorName, ReadOnlySpan<byte> operand,
                            TimeSpan? timeToLive = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(operatorName);
        var options = new WriteOptions { TimeToLive = timeToLive };
        _ = options.TimeToLiveMs; // Refused here, where the mistake is, not at the commit.
        return Add(BatchOperationKind.Merge, key, operand, options, operatorName);
    }

    /// <summary>Adds a condition alone.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="condition">Must hold, or nothing of the batch is written.</param>
    /// <returns>This batch.</returns>
    public WriteBatch Check(ReadOnlySpan<byte> key, Precondition condition)
    {
        if (condition.Kind == PreconditionKind.None)
            throw new ArgumentException("A check without a condition checks nothing.", nameof(condition));
        return Add(BatchOperationKind.Check, key, default, new WriteOptions { If = condition });
    }

    /// <summary>Empties it.</summary>
    public void Clear() => _operations.Clear();

    private WriteBatch Add(BatchOperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, WriteOptions options,
                           string operatorName = "")
    {
        if (options.If.Kind == PreconditionKind.Value)
            options = options with { If = Precondition.Value(options.If.ExpectedValue.ToArray()) };
        _operations.Add(new(kind, key.ToArray(), value.ToArray(), options, operatorName));
        return this;
    }
}

internal enum BatchOperationKind
{
    Put,
    Delete,
    DeleteRange,
    Check,
    Merge,
}

/// <summary>One operation of a batch.</summary>
/// <param name="Kind">What to do.</param>
/// <param name="Key">The key; of a range its start.</param>
/// <param name="Value">The value of a put; the operand of a merge; of a range its end.</param>
/// <param name="Options">Condition and time to live.</param>
/// <param name="OperatorName">Of a merge.</param>
internal readonly record struct BatchOperation(BatchOperationKind Kind, byte[] Key, byte[] Value, WriteOptions Options,
                                               string OperatorName);
