// What a client puts back into a new session when the last one is over, and under which numbers the program knows it
// (W3): the hooks that are attached, and the numbers. (The callbacks are Hosting's.)
//
// A program's handles are numbers of the session's table together with which session it was: its generation stands
// above WireBits. So a handle of the first session is the broker's own number, and one of a session that is over is
// told from one of now. What was put back keeps the number that the program knows, and is translated.
//
// Invariants
//   - Translate never gives a number of one session for another's.
//   - What was let go of is not put back.
//
// Thread safety: any thread. Begin only between connections, when no reader or writer runs.
namespace Belay.Client.Session;

/// <summary>Numbers across sessions, and hooks that are to be attached again.</summary>
internal sealed class Recovery
{
    private const int WireBits = 40;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, ulong> _putBack = [];
    private readonly SortedDictionary<ulong, Wire.ClientOperation> _hooks = [];
    private ulong _generation;

    /// <summary>Which session of this client's it is, from 0.</summary>
    public ulong Generation => Volatile.Read(ref _generation);

    /// <summary>The program's number of a handle that the present session gave out.</summary>
    public ulong FromWire(ulong wire) => wire == 0 ? 0 : (Generation << WireBits) | wire;

    /// <summary>The present session's number of a handle that it gave out.</summary>
    public static ulong ToWire(ulong handle) => handle & ((1ul << WireBits) - 1);

    /// <summary>Replaces each handle that an operation names; false: one is of a session that is over.</summary>
    public bool Translate(Wire.ClientOperation operation)
    {
        if (Generation == 0)
            return true; // There are no handles but of the first session.
        switch (operation.OperationCase)
        {
            case Wire.ClientOperation.OperationOneofCase.Call:
                return TryToWire(operation.Call.Handle, wire => operation.Call.Handle = wire);
            case Wire.ClientOperation.OperationOneofCase.Retain:
                return TryToWire(operation.Retain.Handle, wire => operation.Retain.Handle = wire);
            case Wire.ClientOperation.OperationOneofCase.Release:
                return TryToWire(operation.Release.Handle, wire => operation.Release.Handle = wire);
            case Wire.ClientOperation.OperationOneofCase.Unregister:
                return TryToWire(operation.Unregister.Handle, wire => operation.Unregister.Handle = wire);
            case Wire.ClientOperation.OperationOneofCase.AttachWatch:
                return TryToWire(operation.AttachWatch.Handle, wire => operation.AttachWatch.Handle = wire);
            case Wire.ClientOperation.OperationOneofCase.AttachValidator:
                return TryToWire(operation.AttachValidator.Handle, wire => operation.AttachValidator.Handle = wire);
            case Wire.ClientOperation.OperationOneofCase.Store:
                var store = operation.Store;
                return TryToWire(store.FilterHandle, wire => store.FilterHandle = wire)
                    && TryToWire(store.ProjectionHandle, wire => store.ProjectionHandle = wire)
                    && TryToWire(store.SnapshotHandle, wire => store.SnapshotHandle = wire)
                    && TryToWire(store.CallbackHandle, wire => store.CallbackHandle = wire);
            default:
                return true; // names no handle
        }
    }

    /// <summary>A watch or validator stands, by this operation, with the program's number of its callback.</summary>
    public void Keep(ulong handle, Wire.ClientOperation attach)
    {
        lock (_lock)
            _hooks[handle] = attach;
    }

    /// <summary>A handle was released, or could not be put back.</summary>
    public void Forget(ulong handle)
    {
        lock (_lock)
            _hooks.Remove(handle);
    }

    /// <summary>The last session is over: nothing has a number any more.</summary>
    public void Begin()
    {
        lock (_lock)
        {
            Volatile.Write(ref _generation, _generation + 1);
            _putBack.Clear();
        }
    }

    /// <summary>The hooks that are to be attached again.</summary>
    public IReadOnlyList<KeyValuePair<ulong, Wire.ClientOperation>> Hooks()
    {
        lock (_lock)
            return _hooks.Select(hook => KeyValuePair.Create(hook.Key, hook.Value.Clone())).ToArray();
    }

    /// <summary>What the program knows as <paramref name="handle"/> has this number in the present session.</summary>
    public void PutBack(ulong handle, ulong wire)
    {
        lock (_lock)
            _putBack[handle] = wire;
    }

    /// <summary>The number of its callback that a watch or validator was attached with.</summary>
    public static ulong CallbackOf(Wire.ClientOperation attach) =>
        attach.AttachWatch?.Handle ?? attach.AttachValidator?.Handle ?? 0;

    private bool TryToWire(ulong handle, Action<ulong> replace)
    {
        if (handle == 0)
            return true; // none, in whatever session
        var wire = ToWire(handle);
        lock (_lock)
        {
            if (handle >> WireBits != _generation && !_putBack.TryGetValue(handle, out wire))
                return false;
        }

        replace(wire);
        return true;
    }
}
