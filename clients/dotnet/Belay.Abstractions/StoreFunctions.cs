// The shapes of function that the store calls: filters, projections, watches, validators and updates; and what they
// answer.
//
// Thread safety: each says how it is called. A filter or validator that is attached once may run on several threads.
using System.Buffers;

namespace Belay;

/// <summary>Picks rows of a scan. An exception fails the scan: no row is kept or dropped by default.</summary>
/// <param name="row">The row; gone when the function returns.</param>
/// <returns>Whether to keep it, true or false; or an end of the scan.</returns>
public delegate RowDecision RowFilter(RowView row);

/// <summary>Makes the value that a scan gives for a row. An exception fails the scan.</summary>
/// <param name="row">The row, with the value that the store has; gone when the function returns.</param>
/// <returns>The value to be given in its place; or nothing, which drops the row.</returns>
public delegate ProjectedRow RowProjection(RowView row);

/// <summary>Receives changes, in order of revision, one call at a time, each change at least once.</summary>
/// <param name="changes">The changes; gone when the function returns.</param>
/// <param name="call">The call being served.</param>
/// <remarks>
/// An exception makes Belay deliver the same changes again after a pause. A watch that fell too far behind is told the
/// state instead of the changes: a row <see cref="RowKind.Reset"/>, a put for each key, a row <see cref="RowKind.Synced"/>.
/// </remarks>
public delegate void WatchFunction(RowBlock changes, CallContext call);

/// <summary>Sees the puts and deletes of a write before it is committed. No lock of the store's is held meanwhile.</summary>
/// <param name="rows">
/// The rows to be, with revision 0; before each that has one the row of what its key has, if that was asked for:
/// <see cref="RowBlock.Changes"/> puts the two together. A range to delete is shown as the keys in it.
/// </param>
/// <param name="call">The call being served.</param>
/// <returns>What is to become of the write.</returns>
/// <remarks>
/// In-process it runs on the writer's thread. It may use the store itself; over gRPC it must not write through the session
/// whose write it is asked about. An exception refuses the write with its type and text.
/// </remarks>
public delegate Verdict ValidateFunction(RowBlock rows, CallContext call);

/// <summary>Makes a key's next value. Called again, with what the key then has, if it has changed meanwhile.</summary>
/// <param name="current">What the key has; gone when the function returns.</param>
/// <param name="call">The call being served.</param>
/// <returns>What the key is to have.</returns>
public delegate NextValue UpdateFunction(CurrentValue current, CallContext call);

/// <summary>What a filter decides about a row. A <see cref="bool"/> is one: keep it, or drop it.</summary>
public readonly record struct RowDecision
{
    private RowDecision(bool keeps, bool ends)
    {
        Keeps = keeps;
        Ends = ends;
    }

    /// <summary>Drop it, and end the scan: no later row is wanted.</summary>
    public static RowDecision End => new(false, true);

    /// <summary>Keep it, and end the scan: it is the last one wanted.</summary>
    public static RowDecision KeepAndEnd => new(true, true);

    internal bool Keeps { get; }
    internal bool Ends { get; }

    /// <summary>Keep the row, or drop it.</summary>
    /// <param name="keeps">Which.</param>
    public static implicit operator RowDecision(bool keeps) => new(keeps, false);

    /// <summary>Keep the row, or drop it.</summary>
    /// <param name="keeps">Which.</param>
    public static RowDecision FromBoolean(bool keeps) => keeps;
}

/// <summary>What a projection makes of a row. The default drops it.</summary>
public readonly struct ProjectedRow
{
    private ProjectedRow(ReadOnlyMemory<byte>? value, bool ends)
    {
        Value = value;
        Ends = ends;
    }

    /// <summary>The row is dropped.</summary>
    public static ProjectedRow Drop => default;

    /// <summary>The row is dropped, and the scan ends: no later row is wanted.</summary>
    public static ProjectedRow End => new(null, true);

    internal ReadOnlyMemory<byte>? Value { get; }
    internal bool Ends { get; }

    /// <summary>The row is given with this value.</summary>
    /// <param name="value">At most 64 MiB; must not change before the function is called again.</param>
    public static ProjectedRow Of(ReadOnlyMemory<byte> value) => new(value, false);

    /// <summary>The row is given with this value, and is the last one wanted.</summary>
    /// <param name="value">As at <see cref="Of"/>.</param>
    public static ProjectedRow OfAndEnd(ReadOnlyMemory<byte> value) => new(value, true);

    internal static void Write(RowProjection projection, ReadOnlySpan<byte> block, IBufferWriter<byte> reply)
    {
        var rows = new RowBlockWriter();
        var ends = false;
        foreach (var row in new RowBlock(block))
        {
            var made = projection(row);
            if (made.Value is { } value)
                rows.Add(RowKind.Put, row.Revision, row.Key, value.Span);
            ends = made.Ends;
            if (ends)
                break;
        }
        reply.Write(rows.Block.Span);
        if (ends)
            reply.Write([RowBitmap.EndsScan]);
    }
}

/// <summary>What a validator decides about a write. The default accepts it.</summary>
public readonly struct Verdict
{
    private readonly string? _refusal;
    private readonly ReadOnlyMemory<byte> _amended;

    private Verdict(string? refusal, ReadOnlyMemory<byte> amended)
    {
        _refusal = refusal;
        _amended = amended;
    }

    /// <summary>The write goes on as it is.</summary>
    public static Verdict Accept => default;

    /// <summary>Nothing of the write is committed.</summary>
    /// <param name="reason">For the writer, as the text of a <see cref="BelayException"/> of reason <c>REJECTED</c>.</param>
    public static Verdict Reject(string reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        return new(reason, default);
    }

    /// <summary>These rows are committed in place of those shown.</summary>
    /// <param name="rows">Puts and deletes under the validator's prefix; a row left out is dropped.</param>
    public static Verdict Amend(RowBlockWriter rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return new(null, rows.Block);
    }

    internal void WriteTo(IBufferWriter<byte> reply)
    {
        if (_refusal != null)
            throw new RejectedException(_refusal);
        reply.Write(_amended.Span);
    }
}

/// <summary>How a refusal gets from a validator to the border, where it becomes the text of a failed call.</summary>
internal sealed class RejectedException(string reason) : Exception(reason);

/// <summary>What a key has, in place.</summary>
public readonly ref struct CurrentValue
{
    internal CurrentValue(RowView row)
    {
        Revision = row.Revision;
        Value = row.Value;
    }

    /// <summary>Whether there is such a key.</summary>
    public bool Exists => Revision != 0;

    /// <summary>Revision of its last change; 0 if there is no such key.</summary>
    public ulong Revision { get; }

    /// <summary>Its value; empty if there is no such key.</summary>
    public ReadOnlySpan<byte> Value { get; }
}

/// <summary>What an update makes of a key. The default leaves it as it is.</summary>
public readonly struct NextValue
{
    private readonly RowKind _kind;
    private readonly ReadOnlyMemory<byte> _value;

    private NextValue(RowKind kind, ReadOnlyMemory<byte> value)
    {
        _kind = kind;
        _value = value;
    }

    /// <summary>Nothing is written.</summary>
    public static NextValue Unchanged => default;

    /// <summary>The key is deleted.</summary>
    public static NextValue Deleted => new(RowKind.Delete, default);

    /// <summary>The key gets this value.</summary>
    /// <param name="value">At most 64 MiB; must not change before the update is over.</param>
    public static NextValue Put(ReadOnlyMemory<byte> value) => new(RowKind.Put, value);

    internal void WriteTo(IBufferWriter<byte> reply, ReadOnlySpan<byte> key)
    {
        if (_kind == default)
            return;
        var row = new RowBlockWriter();
        row.Add(_kind, 0, key, _value.Span);
        reply.Write(row.Block.Span);
    }
}
