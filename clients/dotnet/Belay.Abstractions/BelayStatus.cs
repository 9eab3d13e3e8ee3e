// Result codes, the same numbers in every language and on both doors.
//
// Invariants: values equal those of belay.h and are never reused; those below 32 equal gRPC's codes.
namespace Belay;

/// <summary>How an operation ended. The numbers are those of <c>belay_status</c> in belay.h.</summary>
public enum BelayStatus
{
    /// <summary>It succeeded.</summary>
    Ok = 0,
    /// <summary>The caller gave up.</summary>
    Cancelled = 1,
    /// <summary>A failure that no other code describes.</summary>
    Unknown = 2,
    /// <summary>An argument is wrong; the message says which.</summary>
    InvalidArgument = 3,
    /// <summary>The deadline or timeout passed first.</summary>
    DeadlineExceeded = 4,
    /// <summary>What was asked for does not exist.</summary>
    NotFound = 5,
    /// <summary>It exists already.</summary>
    AlreadyExists = 6,
    /// <summary>The handle lacks the right, or the caller is not allowed to.</summary>
    PermissionDenied = 7,
    /// <summary>A bound is reached; the message names it; nothing was begun.</summary>
    ResourceExhausted = 8,
    /// <summary>The object is not in the state that the operation needs.</summary>
    FailedPrecondition = 9,
    /// <summary>A condition of a write did not hold.</summary>
    Aborted = 10,
    /// <summary>A value lies outside its range.</summary>
    OutOfRange = 11,
    /// <summary>This door or version cannot do it.</summary>
    Unimplemented = 12,
    /// <summary>Belay is at fault.</summary>
    Internal = 13,
    /// <summary>The broker cannot be reached, or its store is read-only.</summary>
    Unavailable = 14,
    /// <summary>Data is truncated or damaged.</summary>
    DataLoss = 15,
    /// <summary>The caller has not shown who it is.</summary>
    Unauthenticated = 16,
    /// <summary>The handle was released.</summary>
    Stale = 32,
    /// <summary>A live handle, but of another kind than the operation takes.</summary>
    WrongKind = 33,
    /// <summary>The number never was a handle.</summary>
    Malformed = 34,
    /// <summary>The callback was unregistered by its owner.</summary>
    Unregistered = 35,
    /// <summary>The callback was revoked by an administrator.</summary>
    Revoked = 36,
    /// <summary>The callback failed too often and is held back.</summary>
    Quarantined = 37,
    /// <summary>The callback is suspended for a while.</summary>
    Suspended = 38,
    /// <summary>The owner that registered the callback is closed.</summary>
    OwnerClosed = 39,
    /// <summary>The process that ran the callback is gone.</summary>
    HostLost = 40,
    /// <summary>The broker is closed.</summary>
    Closed = 41,
    /// <summary>The callback ran and failed, or threw; the message is its own.</summary>
    CallbackFailed = 42,
    /// <summary>The buffer is too small; nothing is lost.</summary>
    BufferTooSmall = 43,
    /// <summary>An exclusive object is in use by another thread.</summary>
    Busy = 44,
    /// <summary>The operation would wait for itself.</summary>
    WouldDeadlock = 45,
    /// <summary>Calls are nested too deep.</summary>
    RecursionLimit = 46,
    /// <summary>The revision asked for is no longer retained.</summary>
    Compacted = 47,
    /// <summary>The call's reply was dropped.</summary>
    Abandoned = 48,
    /// <summary>The session belongs to an earlier run of the broker.</summary>
    StaleEpoch = 49,
    /// <summary>A cursor has no more rows; not an error.</summary>
    End = 50,
}

/// <summary>How far a failed operation got: what a caller may conclude about side effects.</summary>
public enum CallCertainty
{
    /// <summary>The question does not arise.</summary>
    Unspecified = 0,
    /// <summary>The callback never got it: repeating is safe.</summary>
    NotSent = 1,
    /// <summary>It was sent, and nothing more was heard.</summary>
    SentUnknown = 2,
    /// <summary>The callback began to run.</summary>
    Started = 3,
}

/// <summary>How much a line of Belay's log matters. The numbers are those of belay.h.</summary>
public enum BelayLogLevel
{
    /// <summary>Something failed.</summary>
    Error = 1,
    /// <summary>Something is wrong, but nothing failed yet; leaks, for instance.</summary>
    Warning = 2,
    /// <summary>For the curious.</summary>
    Info = 3,
}
