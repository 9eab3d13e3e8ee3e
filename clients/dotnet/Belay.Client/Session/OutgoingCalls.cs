// Calls that this process makes, by call id, until the broker has said how they ended.
//
// Invariants
//   - Every call ends exactly once for its caller: by a result, by giving up (token, timeout), or with its session,
//     and a failure says how far the call got (W4).
//   - No more calls are unanswered than the broker allows; the next waits here. A call whose caller has given up still
//     counts until its late result, which is dropped and counted, never fatal (W6).
//
// Thread safety: InvokeAsync from any thread; Answer from any thread; FailAll when no reader runs, EndAll once.
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Google.Protobuf;

namespace Belay.Client.Session;

/// <summary>The calls of a session that are not answered yet.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Without timer and wait handle there is nothing to dispose.")]
internal sealed class OutgoingCalls
{
    /// <summary>
    /// The broker keeps the deadline and knows best how far a call got; only when its answer is this late do we give
    /// up.
    /// </summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly Outbox _outbox;
    private readonly long _maxPayloadBytes;
    private readonly SemaphoreSlim _slots;
    private readonly ConcurrentDictionary<ulong, Pending<Wire.CallResult>> _pending = new();
    private ulong _lastId;
    private long _late;
    private volatile Func<CallCertainty, BelayException>? _over;

    /// <summary>Makes an empty table.</summary>
    /// <param name="outbox">Where calls go.</param>
    /// <param name="maxPayloadBytes">The broker's bound on a request.</param>
    /// <param name="maxCalls">The broker's bound on unanswered calls.</param>
    public OutgoingCalls(Outbox outbox, long maxPayloadBytes, int maxCalls)
    {
        _outbox = outbox;
        _maxPayloadBytes = maxPayloadBytes;
        _slots = new SemaphoreSlim(maxCalls, maxCalls);
    }

    /// <summary>Calls without a result.</summary>
    public int Count => _pending.Count;

    /// <summary>Results that came after their caller had given up.</summary>
    public long LateResults => Interlocked.Read(ref _late);

    /// <summary>Calls a callback and waits for its answer.</summary>
    public async ValueTask<byte[]> InvokeAsync(
        ulong handle, ReadOnlyMemory<byte> request, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (timeout == Timeout.InfiniteTimeSpan)
            timeout = null;
        if (timeout is { } time)
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(time, TimeSpan.Zero, nameof(timeout));
        if (request.Length > _maxPayloadBytes)
            throw new BelayException(
                BelayStatus.ResourceExhausted, "PAYLOAD_TOO_LARGE",
                $"the request has {request.Length} bytes; the broker takes {_maxPayloadBytes} (max_payload_bytes)",
                CallCertainty.NotSent);
        if (!await _slots.WaitAsync(timeout ?? Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false))
            throw TimedOut(timeout!.Value, CallCertainty.NotSent, "as many calls as the broker allows are in flight");
        var pending = new Pending<Wire.CallResult>(Interlocked.Increment(ref _lastId));
        _pending[pending.Id] = pending;
        var result = await SendAsync(pending, handle, request, timeout, cancellationToken).ConfigureAwait(false);
        WireStatus.ThrowIfFailed(result.Status);
        return Take(result.Payload);
    }

    /// <summary>The broker says how a call ended.</summary>
    public void Answer(Wire.CallResult result)
    {
        if (!Remove(result.CallId, out var pending) || !pending!.TryAnswer(result))
            Interlocked.Increment(ref _late);
    }

    /// <summary>The session is over for good: no call will be answered.</summary>
    /// <param name="over">Makes the exception for one that got so far.</param>
    public void EndAll(Func<CallCertainty, BelayException> over)
    {
        _over = over;
        FailAll(over);
    }

    /// <summary>The session is over: no call of it will be answered.</summary>
    /// <param name="over">Makes the exception for one that got so far.</param>
    public void FailAll(Func<CallCertainty, BelayException> over)
    {
        foreach (var id in _pending.Keys)
        {
            if (Remove(id, out var pending))
                pending!.End(over);
        }
    }

    private async ValueTask<Wire.CallResult> SendAsync(
        Pending<Wire.CallResult> pending, ulong handle, ReadOnlyMemory<byte> request, TimeSpan? timeout,
        CancellationToken cancellationToken)
    {
        try
        {
            if (_over is { } over)
                throw over(CallCertainty.NotSent);
            var call = new Wire.Call
            {
                CallId = pending.Id,
                Handle = handle,
                Payload = ByteString.CopyFrom(request.Span),
                TimeoutMs = (uint)Math.Clamp(Math.Ceiling(timeout?.TotalMilliseconds ?? 0), 0, uint.MaxValue),
            };
            var posting = _outbox.PostAsync(new Wire.ClientOperation { Call = call }, pending, null, cancellationToken);
            if (!posting.IsCompletedSuccessfully)
                await posting.AsTask().WaitAsync(timeout ?? Timeout.InfiniteTimeSpan, cancellationToken)
                    .ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // What may yet be queued behind our back must not be sent.
            pending.TryWithdraw();
            Remove(pending.Id, out _);
            if (e is TimeoutException)
                throw TimedOut(timeout!.Value, CallCertainty.NotSent, "too much is queued for the broker");
            throw;
        }

        return timeout is null && !cancellationToken.CanBeCanceled
            ? await pending.Answer.ConfigureAwait(false)
            : await WaitAsync(pending, timeout, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<Wire.CallResult> WaitAsync(
        Pending<Wire.CallResult> pending, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister(
            (_, token) => GiveUp(pending, () => pending.TryCancel(token)), null);
        if (timeout is not { } time)
            return await pending.Answer.ConfigureAwait(false);
        try
        {
            return await pending.Answer.WaitAsync(time + Grace, CancellationToken.None).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!pending.Answer.IsCompleted)
        {
            GiveUp(pending, () => pending.TryFail(TimedOut(time, pending.Certainty, "the broker has not answered")));
            return await pending.Answer.ConfigureAwait(false);
        }
    }

    private void GiveUp(Pending<Wire.CallResult> pending, Func<bool> end)
    {
        if (pending.TryWithdraw())
            Remove(pending.Id, out _);
        else if (!pending.Answer.IsCompleted)
            _outbox.Post(new Wire.ClientOperation { Cancel = new Wire.CancelCall { CallId = pending.Id } });
        end();
    }

    private bool Remove(ulong id, out Pending<Wire.CallResult>? pending)
    {
        if (!_pending.TryRemove(id, out pending))
            return false;
        _slots.Release();
        return true;
    }

    private static BelayException TimedOut(TimeSpan timeout, CallCertainty certainty, string why) =>
        new(BelayStatus.DeadlineExceeded, "DEADLINE_EXCEEDED",
            $"no answer within {timeout.TotalMilliseconds} ms: {why}", certainty);

    /// <summary>The bytes of a payload that nobody else will look at: its own array, where it has one.</summary>
    private static byte[] Take(ByteString payload) =>
        MemoryMarshal.TryGetArray(payload.Memory, out var segment)
        && segment.Array is { } array && array.Length == segment.Count
            ? array
            : payload.ToByteArray();
}
