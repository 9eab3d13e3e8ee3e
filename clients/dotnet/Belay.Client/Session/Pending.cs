// Something sent to the broker whose answer is awaited, and how far it got: queued, sent, or withdrawn before that.
//
// Invariants
//   - Exactly one of "begun to send" and "withdrawn" happens. What was withdrawn never reaches the wire, what was not
//     may have: that is the certainty told to the caller (W4).
//   - One answer: the first of result, failure and the caller's giving up.
//
// Thread safety: any thread.
namespace Belay.Client.Session;

/// <summary>What the outbox asks of an operation whose fate matters to somebody.</summary>
internal interface ISendable
{
    /// <summary>Called just before the operation is written; false: it was withdrawn, leave it out.</summary>
    bool TryBeginSend();
}

/// <summary>An operation in flight and its answer.</summary>
/// <typeparam name="T">The answer.</typeparam>
internal sealed class Pending<T> : ISendable
{
    private const int Queued = 0;
    private const int Sent = 1;
    private const int Withdrawn = 2;

    // Asynchronously: what awaits the answer is the program's and must not run on the reader's thread.
    private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _state;

    /// <summary>Makes one.</summary>
    /// <param name="id">Its request or call id.</param>
    public Pending(ulong id) => Id = id;

    /// <summary>Its request or call id.</summary>
    public ulong Id { get; }

    /// <summary>
    /// Called once, before anybody learns of the answer: by the session's reader with the answer, or, if none will ever
    /// come, with null.
    /// </summary>
    public Action<T?>? Settle { get; init; }

    /// <summary>The answer.</summary>
    public Task<T> Answer => _answer.Task;

    /// <summary>How far it certainly got, if no answer comes.</summary>
    public CallCertainty Certainty =>
        Volatile.Read(ref _state) == Sent ? CallCertainty.SentUnknown : CallCertainty.NotSent;

    /// <summary>The session is over: it will not be sent, and if it was there is no answer.</summary>
    /// <param name="over">Makes the exception for an operation that got so far.</param>
    public void End(Func<CallCertainty, BelayException> over)
    {
        TryWithdraw();
        Settle?.Invoke(default);
        TryFail(over(Certainty));
    }

    /// <inheritdoc/>
    public bool TryBeginSend() => Interlocked.CompareExchange(ref _state, Sent, Queued) == Queued;

    /// <summary>Takes it back, if it is not on its way yet.</summary>
    public bool TryWithdraw() => Interlocked.CompareExchange(ref _state, Withdrawn, Queued) == Queued;

    /// <summary>Gives the answer; false: the caller no longer waits.</summary>
    public bool TryAnswer(T answer) => _answer.TrySetResult(answer);

    /// <summary>Fails it.</summary>
    public bool TryFail(Exception error) => _answer.TrySetException(error);

    /// <summary>The caller gave up.</summary>
    public bool TryCancel(CancellationToken cancellationToken) => _answer.TrySetCanceled(cancellationToken);
}
