// One line of a listing: what a handle refers to, who holds it, what it is doing.
//
// Thread safety: immutable; a moment's view.
namespace Belay;

/// <summary>What a handle refers to. The numbers are those of belay.h.</summary>
public enum HandleKind
{
    /// <summary>Not known to this version.</summary>
    Unknown = 0,
    /// <summary>A broker.</summary>
    Broker = 1,
    /// <summary>An owner: the scope that registers callbacks.</summary>
    Owner = 2,
    /// <summary>A callback.</summary>
    Callback = 3,
    /// <summary>A typed callback pinned for direct calls.</summary>
    Pin = 4,
    /// <summary>A store.</summary>
    Store = 5,
    /// <summary>A scan in progress.</summary>
    Cursor = 6,
    /// <summary>A watch.</summary>
    Subscription = 7,
}

/// <summary>Where a callback is in its life. The numbers are those of belay.h.</summary>
public enum CallbackState
{
    /// <summary>Does not apply.</summary>
    None = 0,
    /// <summary>Callable.</summary>
    Live = 1,
    /// <summary>Refuses calls; some are in flight.</summary>
    Draining = 2,
    /// <summary>Its release function has run.</summary>
    Released = 3,
}

/// <summary>What the holder of a callback's handle may do with it. The numbers are those of belay.h.</summary>
[Flags]
public enum CallbackRights : uint
{
    /// <summary>When retaining: the same rights as the handle at hand.</summary>
    Same = 0,
    /// <summary>Invoke and pin.</summary>
    Invoke = 1,
    /// <summary>Retain.</summary>
    Retain = 2,
    /// <summary>Unregister.</summary>
    Unregister = 4,
    /// <summary>Attach to a hook, bind to a name.</summary>
    Bind = 8,
    /// <summary>Pass on to another process.</summary>
    Export = 16,
    /// <summary>All of them.</summary>
    All = 31,
}

/// <summary>One live handle.</summary>
public sealed record HandleInfo
{
    /// <summary>The handle's number.</summary>
    public required ulong Handle { get; init; }

    /// <summary>What it refers to.</summary>
    public required HandleKind Kind { get; init; }

    /// <summary>State of the object.</summary>
    public CallbackState State { get; init; }

    /// <summary>What its holder may do.</summary>
    public CallbackRights Rights { get; init; }

    /// <summary>Handle of the owner that registered the object; 0 where the door does not tell.</summary>
    public ulong OwnerHandle { get; init; }

    /// <summary>Handle of the owner that holds this handle; 0 where the door does not tell.</summary>
    public ulong HolderHandle { get; init; }

    /// <summary>Name of the owner that registered the object.</summary>
    public string Owner { get; init; } = "";

    /// <summary>Name of the owner that holds this handle.</summary>
    public string Holder { get; init; } = "";

    /// <summary>What the object is for.</summary>
    public string Label { get; init; } = "";

    /// <summary>Where it was registered.</summary>
    public string Site { get; init; } = "";

    /// <summary>Signature of a typed callback; "" for others.</summary>
    public string Signature { get; init; } = "";

    /// <summary>Public name; "" for none.</summary>
    public string Name { get; init; } = "";

    /// <summary>Live handles of the object.</summary>
    public ulong References { get; init; }

    /// <summary>Pins held.</summary>
    public ulong Pins { get; init; }

    /// <summary>Calls running now.</summary>
    public ulong InFlight { get; init; }

    /// <summary>Calls begun; exact.</summary>
    public ulong Calls { get; init; }

    /// <summary>Calls that ended in <see cref="BelayStatus.CallbackFailed"/>; exact.</summary>
    public ulong Failures { get; init; }

    /// <summary>When the object was made.</summary>
    public DateTimeOffset Created { get; init; }

    /// <summary>How long ago that is.</summary>
    public TimeSpan Age { get; init; }
}
