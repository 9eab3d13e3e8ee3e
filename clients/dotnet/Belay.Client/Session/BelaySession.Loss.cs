// What becomes of a session when its connection is lost: whether it goes on over the next, gives way to a new one
// (BelaySession.Renewal.cs), or ends.
//
// Invariant: what was in no frame when a session is over is NOT_SENT, the rest of what is unanswered SENT_UNKNOWN (W4).
//
// Thread safety: one loop, RunAsync; BeginAsync is called by the connection's writer while that loop waits for it.
using Belay.Client.Grpc;
using Google.Protobuf;
using SessionCall = Belay.Client.Grpc.IGrpcDuplexCall<Belay.V1.ClientFrame, Belay.V1.ServerFrame>;

namespace Belay.Client.Session;

internal sealed partial class BelaySession
{
    private readonly Backoff _backoff = new(new Random());
    private long? _lostAtMs;

    private async Task RunAsync(SessionCall call)
    {
        Func<CallCertainty, BelayException> over;
        try
        {
            over = await RunConnectionsAsync(call).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // A channel that the program brought may throw anything, and nobody is to wait for ever.
        catch (Exception e)
#pragma warning restore CA1031
        {
            over = Reason(new(e, null));
        }

        End(over);
        try
        {
            await _options.Disconnect().ConfigureAwait(false);
        }
        finally
        {
            _completion.TrySetResult();
        }
    }

    /// <returns>Why there is no further one.</returns>
    private async Task<Func<CallCertainty, BelayException>> RunConnectionsAsync(SessionCall call)
    {
        while (true)
        {
            // The first answer is waited for by whoever opens the session.
            var patience = _welcome.Task.IsCompleted ? _options.ConnectTimeout : Timeout.InfiniteTimeSpan;
            var stream = new SessionStream(this, call);
            StreamEnd end;
            using (_aborted.Token.Register(stream.Abort))
                end = await stream.RunAsync(patience).ConfigureAwait(false);
            _isDown = true;
            if (WhyOver(end) is { } over)
                return over;
            var (next, reason) = await ReconnectAsync(end).ConfigureAwait(false);
            if (next is null)
                return reason!;
            call = next;
        }
    }

    /// <summary>The connection stands; what was sent before and not acknowledged has been sent again.</summary>
    public async Task BeginAsync(SessionStream stream)
    {
        _backoff.Reset();
        var wasRenewing = _isRenewing;
        if (wasRenewing)
            await PutBackAsync(stream).ConfigureAwait(false);
        _isRenewing = false;
        _puttingBack.Clear();
        _isDown = false;
        if (_lostAtMs is not null)
            _events.Tell(wasRenewing ? SessionChange.Renewed : SessionChange.Resumed);
        _lostAtMs = null;
    }

    /// <summary>Makes another connection, after having noted the loss of the last.</summary>
    private async Task<(SessionCall?, Func<CallCertainty, BelayException>?)> ReconnectAsync(StreamEnd end)
    {
        if (_lostAtMs is null)
        {
            _lostAtMs = Environment.TickCount64;
            _events.Tell(SessionChange.Disconnected, Reason(end)(CallCertainty.Unspecified));
        }

        if (!_isFresh && (end.Goodbye is not null || !Line.CanResume))
            BeginRenewal(end);
        while (true)
        {
            try
            {
                await Task.Delay(_backoff.Next(), _aborted.Token).ConfigureAwait(false);
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(_aborted.Token);
                patience.CancelAfter(_options.ConnectTimeout);
                return (await _options.Connect(patience.Token).ConfigureAwait(false), null);
            }
            catch (GrpcException e)
            {
                end = new(e, null);
            }
            catch (OperationCanceledException e)
            {
                end = new(e, null);
            }

            if (WhyOver(end) is { } reason)
                return (null, reason);
        }
    }

    private void End(Func<CallCertainty, BelayException> over)
    {
        _over = over;
        Outbox.Complete();
        _welcome.TrySetException(over(CallCertainty.Unspecified));
        _ = _welcome.Task.Exception; // observed: nobody may be waiting
        Requests.EndAll(over);
        _calls?.EndAll(over);
        Hosting.EndAll();
        FailUnanswered(over);
    }

    private void FailUnanswered(Func<CallCertainty, BelayException> over)
    {
        Requests.FailAll(over);
        _calls?.FailAll(over);
        Scans.FailAll(over(CallCertainty.Started));
        foreach (var pong in _pings.Values)
            pong.TrySetException(over(CallCertainty.SentUnknown));
    }

    /// <summary>Why the session cannot go on, nor another take its place; null: it can, or one can.</summary>
    private Func<CallCertainty, BelayException>? WhyOver(StreamEnd end)
    {
        var canGoOn = !_closing && _options.OutlivesConnections && _welcome.Task.IsCompletedSuccessfully
            // What the broker refuses for our own fault it would refuse again.
            && (end.Goodbye is { } goodbye
                ? (BelayStatus)goodbye.Code is BelayStatus.Ok or BelayStatus.StaleEpoch or BelayStatus.Unavailable
                : IsLoss(end.Error))
            && (_lostAtMs is not { } lostAtMs
                || Environment.TickCount64 - lostAtMs < _options.ReconnectTimeout.TotalMilliseconds);
        return canGoOn ? null : Reason(end);
    }

    /// <summary>Whether a connection broke, or was ended by a broker that had nothing to object to.</summary>
    private static bool IsLoss(Exception? error) => error switch
    {
        null or OperationCanceledException => true,
        GrpcException grpc => !IsBreachOfProtocol(grpc) && grpc.Code is GrpcCode.Ok or GrpcCode.Unavailable
            or GrpcCode.Cancelled or GrpcCode.Unknown or GrpcCode.DeadlineExceeded or GrpcCode.Internal,
        _ => false,
    };

    // A broken protocol is no lost connection: what came over it was wrong, and would be again.
    private static bool IsBreachOfProtocol(GrpcException error) =>
        error.Code is GrpcCode.Internal or GrpcCode.ResourceExhausted
        && error.InnerException is null or InvalidProtocolBufferException;

    /// <summary>Why the session is over, for an operation that got so far.</summary>
    private Func<CallCertainty, BelayException> Reason(StreamEnd end)
    {
        var (error, target) = (end.Error, _options.Target);
        if (_closing)
            return certainty => new BelayException(
                BelayStatus.Closed, "SESSION_CLOSED", $"the client of {target} was disposed", certainty);
        if (end.Goodbye is { Code: not 0 } goodbye)
            return certainty => new BelayException(
                (BelayStatus)goodbye.Code, goodbye.Reason, $"{target} ended the session: {goodbye.Message}", certainty,
                error);
        if (error is GrpcException grpc && (!_welcome.Task.IsCompletedSuccessfully || IsBreachOfProtocol(grpc)))
        {
            var cause = WireStatus.OfGrpc(grpc);
            return certainty => new BelayException(cause.Status, cause.Reason, cause.Detail, certainty, grpc);
        }

        if (error is not (null or GrpcException or OperationCanceledException))
            return certainty => new BelayException(
                BelayStatus.Internal, "SESSION_FAILED",
                $"the session with {target} failed here, please report this: {error.Message}", certainty, error);
        var text = error is null
            ? $"{target} ended the session"
            : $"the session with {target} was lost: {error.Message}";
        return certainty => new BelayException(BelayStatus.Unavailable, "SESSION_LOST", text, certainty, error);
    }
}
