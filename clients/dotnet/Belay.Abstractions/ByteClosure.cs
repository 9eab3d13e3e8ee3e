// Closures that are called with bytes and answer with bytes, in the two ways doors call them: on a thread that waits
// (in-process) and awaited (gRPC).
//
// Invariants: an exception leaves Run and RunAsync unchanged; turning it into a status is the door's part.
// Thread safety: Run and RunAsync from any thread, concurrently.
using System.Buffers;

namespace Belay;

internal abstract class ByteClosure : Closure
{
    private protected ByteClosure(Delegate origin, CallbackOptions options, string site, ClosureLedger ledger)
        : base(origin, options, site, ledger)
    {
    }

    internal static ByteClosure Create(SpanFunction function, CallbackOptions options, string site, ClosureLedger ledger) =>
        options.RunOn is { } context
            ? new PostedClosure(context, PostedClosure.Awaitable(function), function, options, site, ledger)
            : new Immediate(function, function, options, site, ledger);

    internal static ByteClosure Create(CallbackFunction function, CallbackOptions options, string site, ClosureLedger ledger) =>
        options.RunOn is { } context
            ? new PostedClosure(context, function, function, options, site, ledger)
            : new Awaited(function, options, site, ledger);

    internal static ByteClosure Create(Hook hook, CallbackOptions options, string site, ClosureLedger ledger) =>
        new Immediate(hook.Function, hook.Origin, options, site, ledger);

    /// <summary>Runs the function and waits for it.</summary>
    internal abstract void Run(ReadOnlySpan<byte> request, IBufferWriter<byte> reply, CallContext call);

    /// <summary>Runs the function.</summary>
    internal abstract ValueTask<ReadOnlyMemory<byte>> RunAsync(ReadOnlyMemory<byte> request, CallContext call);

    private sealed class Immediate(SpanFunction function, Delegate origin, CallbackOptions options, string site, ClosureLedger ledger)
        : ByteClosure(origin, options, site, ledger)
    {
        private SpanFunction _function = function;

        internal override void Run(ReadOnlySpan<byte> request, IBufferWriter<byte> reply, CallContext call) =>
            _function(request, reply, call);

        internal override ValueTask<ReadOnlyMemory<byte>> RunAsync(ReadOnlyMemory<byte> request, CallContext call)
        {
            var reply = new ArrayBufferWriter<byte>();
            _function(request.Span, reply, call);
            return new(reply.WrittenMemory);
        }

        protected override void Forget() => _function = Ended;

        private static void Ended(ReadOnlySpan<byte> request, IBufferWriter<byte> reply, CallContext call) => throw CalledAfterEnd();
    }

    private sealed class Awaited(CallbackFunction function, CallbackOptions options, string site, ClosureLedger ledger)
        : ByteClosure(function, options, site, ledger)
    {
        private CallbackFunction _function = function;

        internal override void Run(ReadOnlySpan<byte> request, IBufferWriter<byte> reply, CallContext call)
        {
            // The thread waits for the task: a synchronization context that needs this very thread must not be current.
            var context = SynchronizationContext.Current;
            SynchronizationContext.SetSynchronizationContext(null);
            try
            {
                var task = _function(request.ToArray(), call);
                var answer = task.IsCompletedSuccessfully ? task.Result : task.AsTask().GetAwaiter().GetResult();
                reply.Write(answer.Span);
            }
            finally
            {
                SynchronizationContext.SetSynchronizationContext(context);
            }
        }

        internal override ValueTask<ReadOnlyMemory<byte>> RunAsync(ReadOnlyMemory<byte> request, CallContext call) =>
            _function(request, call);

        protected override void Forget() => _function = static (_, _) => throw CalledAfterEnd();
    }

    private protected static BelayException CalledAfterEnd() =>
        new(BelayStatus.Internal, "CALLED_AFTER_END", "the callback was called after its end; please report this");
}
