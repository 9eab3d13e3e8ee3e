// The rows of a validator or watch, each change together with what its key has before it.
//
// Invariants: a row of kind Old belongs to the change behind it, which is of the same key.
// Thread safety: a view on one thread's stack.
namespace Belay;

/// <summary>Changes with what was there before. Enumerate them with <c>foreach</c>.</summary>
public readonly ref struct RowChanges
{
    private readonly RowBlock _rows;

    internal RowChanges(RowBlock rows) => _rows = rows;

    /// <summary>Begins at the first change.</summary>
    public Enumerator GetEnumerator() => new(_rows.GetEnumerator());

    /// <summary>Steps through the changes.</summary>
    public ref struct Enumerator
    {
        private RowBlock.Enumerator _rows;

        internal Enumerator(RowBlock.Enumerator rows)
        {
            _rows = rows;
            Current = default;
        }

        /// <summary>The change at hand.</summary>
        public RowChange Current { get; private set; }

        /// <summary>Goes to the next change.</summary>
        /// <exception cref="BelayException"><see cref="BelayStatus.DataLoss"/>: the block is cut off.</exception>
        public bool MoveNext()
        {
            var old = default(CurrentValue);
            while (_rows.MoveNext())
            {
                if (_rows.Current.Kind != RowKind.Old)
                {
                    Current = new(_rows.Current, old);
                    return true;
                }
                old = new(_rows.Current);
            }
            return false;
        }
    }
}

/// <summary>One change, with what there was before it.</summary>
public readonly ref struct RowChange
{
    internal RowChange(RowView row, CurrentValue old)
    {
        Row = row;
        Old = old;
    }

    /// <summary>What the key gets.</summary>
    public RowView Row { get; }

    /// <summary>What it has before; does not exist where the key did not, and where old values were not asked for.</summary>
    public CurrentValue Old { get; }
}
