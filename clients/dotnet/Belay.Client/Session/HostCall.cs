// One run of a hosted callback: on the thread pool, with the caller's cancellation, ending in exactly one CallResult.
//
// Invariants
//   - The result is queued before the callback counts as no longer running: so the broker has the result on its way
//     before anything of the callback can be disposed here.
//   - Nothing that the program throws leaves this class; it becomes a status.
//
// Thread safety: Execute once, on a pool thread; Cancel from any thread.
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Google.Protobuf;

namespace Belay.Client.Session;

/// <summary>A call that this process is running.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Without timer and wait handle there is nothing to dispose.")]
internal sealed class HostCall : IThreadPoolWorkItem
{
    private readonly Hosting _hosting;
    private readonly HostedCallback _callback;
    private readonly Wire.Call _call;
    private readonly CancellationTokenSource _cancelled = new();

    /// <summary>Describes a run; the callback has been entered for it.</summary>
    public HostCall(Hosting hosting, HostedCallback callback, Wire.Call call, ulong generation)
    {
        _hosting = hosting;
        _callback = callback;
        _call = call;
        Generation = generation;
    }

    /// <summary>Of the session that asked.</summary>
    public ulong Generation { get; }

    /// <summary>The caller no longer waits.</summary>
    public void Cancel() =>
        // Not here: the program's registrations run inside, and this is the session's reader.
        ThreadPool.UnsafeQueueUserWorkItem(static source => source.Cancel(), _cancelled, preferLocal: false);

    void IThreadPoolWorkItem.Execute() => _ = RunAsync();

    private async Task RunAsync()
    {
        var result = await ResultAsync().ConfigureAwait(false);
        try
        {
            await _hosting.FinishAsync(this, result).ConfigureAwait(false);
        }
        finally
        {
            _callback.Exit();
        }
    }

    private async ValueTask<Wire.CallResult> ResultAsync()
    {
        try
        {
            var reply = await _callback.Closure.RunAsync(_call.Payload.Memory, Context()).ConfigureAwait(false);
            if (reply.Length <= _hosting.MaxPayloadBytes)
                return new Wire.CallResult { CallId = _call.CallId, Payload = ByteString.CopyFrom(reply.Span) };
            return Failed(WireStatus.Of(
                BelayStatus.CallbackFailed,
                "REPLY_TOO_LARGE",
                $"the reply has {reply.Length} bytes; the broker takes {_hosting.MaxPayloadBytes} (max_payload_bytes)",
                CallCertainty.Started));
        }
        catch (OperationCanceledException e) when (_cancelled.IsCancellationRequested)
        {
            return Failed(WireStatus.Of(BelayStatus.Cancelled, "CANCELLED", e.Message, CallCertainty.Started));
        }
#pragma warning disable CA1031 // The border: whatever a callback throws becomes the caller's CALLBACK_FAILED.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return Failed(WireStatus.OfCallback(e));
        }
    }

    private Wire.CallResult Failed(Wire.Status status) => new() { CallId = _call.CallId, Status = status };

    private CallContext Context()
    {
        var trace = _call.TraceId.Span;
        var traced = trace.Length == 16;
        return new CallContext(
            CallContext.DeadlineAfter(_call.TimeoutMs == 0 ? null : TimeSpan.FromMilliseconds(_call.TimeoutMs)),
            traced ? BinaryPrimitives.ReadUInt64BigEndian(trace) : 0,
            traced ? BinaryPrimitives.ReadUInt64BigEndian(trace[8..]) : 0,
            _call.Caller,
            callId: _call.CallId,
            cancellation: _cancelled.Token);
    }
}
