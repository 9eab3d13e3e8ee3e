// Closures that run where the program says: on a user interface's thread, a scheduler of its own.
//
// Invariants
//   - The function runs only where its context runs what is posted to it, and starts once for each call.
//   - A thread never waits for itself: called on the context's own thread the function runs there at once, and one that
//     would have to be waited for is refused.
//
// Thread safety: as ByteClosure.
using System.Buffers;

namespace Belay;

internal sealed class PostedClosure(
    SynchronizationContext context, CallbackFunction function, Delegate origin, CallbackOptions options, string site,
    ClosureLedger ledger)
    : ByteClosure(origin, options, site, ledger)
{
    private CallbackFunction _function = function;

    /// <summary>The same function in the shape that may wait.</summary>
    internal static CallbackFunction Awaitable(SpanFunction function) => (request, call) =>
    {
        var reply = new ArrayBufferWriter<byte>();
        function(request.Span, reply, call);
        return new(reply.WrittenMemory);
    };

    internal override void Run(ReadOnlySpan<byte> request, IBufferWriter<byte> reply, CallContext call)
    {
        if (!ReferenceEquals(SynchronizationContext.Current, context))
        {
            reply.Write(RunAsync(request.ToArray(), call).AsTask().GetAwaiter().GetResult().Span);
            return;
        }

        var task = _function(request.ToArray(), call);
        if (!task.IsCompleted)
            throw new BelayException(
                BelayStatus.WouldDeadlock, "WOULD_DEADLOCK",
                "the callback waits, and the thread that it runs on is the one that called it: call it from another one",
                CallCertainty.Started);
        reply.Write(task.Result.Span);
    }

    internal override ValueTask<ReadOnlyMemory<byte>> RunAsync(ReadOnlyMemory<byte> request, CallContext call)
    {
        // Asynchronously: what awaits the answer is not the context's business.
        var done = new TaskCompletionSource<ReadOnlyMemory<byte>>(TaskCreationOptions.RunContinuationsAsynchronously);
        context.Post(_ => RunInto(done, request, call), null);
        return new(done.Task);
    }

    protected override void Forget() => _function = static (_, _) => throw CalledAfterEnd();

    private async void RunInto(
        TaskCompletionSource<ReadOnlyMemory<byte>> done, ReadOnlyMemory<byte> request, CallContext call)
    {
        try
        {
            done.SetResult(await _function(request, call).ConfigureAwait(true));
        }
#pragma warning disable CA1031 // Whatever is thrown is the caller's, not the context's.
        catch (Exception e)
#pragma warning restore CA1031
        {
            done.SetException(e);
        }
    }
}
