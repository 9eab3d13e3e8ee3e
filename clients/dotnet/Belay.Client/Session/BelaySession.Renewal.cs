// How a session that takes another's place gets back what the last one had.
//
// Invariants
//   - Callbacks are put back before hooks, which name them; and all of it before anything that the program asks for.
//   - Of what is put back nothing is sent twice in a session, however often its connection is lost meanwhile.
//
// Thread safety: BeginRenewal between connections; the rest is the writer's, and NotPutBack also the reader's.
namespace Belay.Client.Session;

internal sealed partial class BelaySession
{
    private readonly Dictionary<ulong, Task> _puttingBack = []; // what was sent for it in this session, by handle
    private volatile bool _isFresh; // begun anew, and not welcomed since
    private bool _isRenewing; // begun anew, and not everything is back

    /// <summary>An operation names a handle of a session that is over: that is its answer.</summary>
    public void Refuse(Wire.ClientOperation operation)
    {
        var status = SessionIsOver("the handle is of a session that is over: resolve, or take it, again");
        if (operation.Call is { } call)
            Calls.Answer(new Wire.CallResult { CallId = call.CallId, Status = status });
        else
            Requests.Answer(new Wire.Reply { RequestId = RequestIdOf(operation), Status = status });
    }

    private static ulong RequestIdOf(Wire.ClientOperation operation) => operation.OperationCase switch
    {
        Wire.ClientOperation.OperationOneofCase.Retain => operation.Retain.RequestId,
        Wire.ClientOperation.OperationOneofCase.Release => operation.Release.RequestId,
        Wire.ClientOperation.OperationOneofCase.Unregister => operation.Unregister.RequestId,
        Wire.ClientOperation.OperationOneofCase.AttachWatch => operation.AttachWatch.RequestId,
        Wire.ClientOperation.OperationOneofCase.AttachValidator => operation.AttachValidator.RequestId,
        _ => operation.Store.RequestId,
    };

    private void BeginRenewal(StreamEnd end)
    {
        var cause = Reason(end)(CallCertainty.Unspecified);
        _isFresh = _isRenewing = true;
        _puttingBack.Clear();
        Line.Restart();
        Recovery.Begin();
        Hosting.BeginRenewal(Recovery.Hooks().Select(hook => Recovery.CallbackOf(hook.Value)).ToHashSet());
        FailUnanswered(certainty => new BelayException(
            BelayStatus.Unavailable, "SESSION_LOST", $"the session is over, and a new one begins: {cause.Message}",
            certainty, cause));
    }

    private async Task PutBackAsync(SessionStream stream)
    {
        var callbacks = Hosting.Callbacks();
        var onlyHooked = callbacks.Where(callback => !callback.IsHeld).ToArray();
        await PutBackAsync(
            stream,
            callbacks,
            callback => callback.Handle,
            (callback, id) => callback.ToRegister(id),
            (callback, wire) => Hosting.Bind(callback.Handle, wire, callback)).ConfigureAwait(false);
        var hooks = new List<KeyValuePair<ulong, Wire.ClientOperation>>();
        foreach (var hook in Recovery.Hooks())
        {
            if (Recovery.Translate(hook.Value))
                hooks.Add(hook);
            else
                NotPutBack(hook.Key, SessionIsOver("its callback is of a session that is over"));
        }

        await PutBackAsync(stream, hooks, hook => hook.Key, WithId, (_, _) => { }).ConfigureAwait(false);
        // The hooks have handles of their own to what the program itself has let go of.
        var handles = onlyHooked.Select(callback => new Wire.ClientOperation
        {
            Release = new() { RequestId = Requests.NextId(), Handle = callback.Handle },
        });
        await stream.SendAsync(handles.Where(Recovery.Translate)).ConfigureAwait(false);
    }

    private static Wire.ClientOperation WithId(KeyValuePair<ulong, Wire.ClientOperation> hook, ulong id)
    {
        if (hook.Value.AttachWatch is { } watch)
            watch.RequestId = id;
        else
            hook.Value.AttachValidator.RequestId = id;
        return hook.Value;
    }

    /// <summary>Sends what makes each of <paramref name="what"/> anew, and waits for the answers.</summary>
    private async Task PutBackAsync<T>(
        SessionStream stream, IReadOnlyList<T> what, Func<T, ulong> handleOf,
        Func<T, ulong, Wire.ClientOperation> request, Action<T, ulong> onBack)
    {
        var operations = new List<Wire.ClientOperation>();
        foreach (var one in what)
        {
            if (_puttingBack.ContainsKey(handleOf(one)))
                continue; // The connection was lost meanwhile, but not the session.
            var id = Requests.NextId();
            operations.Add(request(one, id));
            _puttingBack[handleOf(one)] = Requests.Expect(id, reply =>
            {
                if (reply is null)
                    return; // The connection is lost: it is put back into the next session.
                if (!WireStatus.IsOk(reply.Status))
                {
                    NotPutBack(handleOf(one), reply.Status);
                    return;
                }

                var wire = Recovery.ToWire(reply.Handle);
                Recovery.PutBack(handleOf(one), wire);
                onBack(one, wire);
            });
        }

        await stream.SendAsync(operations).ConfigureAwait(false);
        await stream.WaitAsync(Task.WhenAll(_puttingBack.Values)).ConfigureAwait(false);
    }

    private void NotPutBack(ulong handle, Wire.Status why)
    {
        Recovery.Forget(handle);
        Hosting.End(handle);
        _events.Tell(SessionChange.NotPutBack, WireStatus.ToException(why), handle);
    }

    private static Wire.Status SessionIsOver(string text) =>
        WireStatus.Of(BelayStatus.Stale, "SESSION_OVER", text, CallCertainty.NotSent);
}
