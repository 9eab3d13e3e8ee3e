// A function that the store calls, as a callback: what it gets and answers turned into bytes, written once for both doors.
//
// Invariants: an exception of the program's leaves the callback unchanged.
// Thread safety: as the function.
namespace Belay;

/// <param name="Origin">The program's delegate.</param>
/// <param name="Function">The callback around it.</param>
internal readonly record struct Hook(Delegate Origin, SpanFunction Function)
{
    /// <summary>Gets a row block, answers with a bitmap.</summary>
    internal static Hook Of(RowFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return new(filter, (request, reply, _) => RowBitmap.Write(filter, request, reply));
    }

    /// <summary>Gets a row block, answers with another.</summary>
    internal static Hook Of(RowProjection projection)
    {
        ArgumentNullException.ThrowIfNull(projection);
        return new(projection, (request, reply, _) => ProjectedRow.Write(projection, request, reply));
    }

    /// <summary>Gets a row block, answers with nothing.</summary>
    internal static Hook Of(WatchFunction function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new(function, (request, _, call) => function(new RowBlock(request), call));
    }

    /// <summary>Gets a row block, answers with nothing or a row block, or fails.</summary>
    internal static Hook Of(ValidateFunction function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new(function, (request, reply, call) => function(new RowBlock(request), call).WriteTo(reply));
    }

    /// <summary>Gets a row block of at most one row, answers with nothing or one of one row.</summary>
    internal static Hook Of(UpdateFunction function, byte[] key)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new(function, (request, reply, call) =>
        {
            var current = default(CurrentValue);
            foreach (var row in new RowBlock(request))
                current = new(row);
            function(current, call).WriteTo(reply, key);
        });
    }
}
