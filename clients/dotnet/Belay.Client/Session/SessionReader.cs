// Reads frames and hands each operation to the part that it concerns, in order.
//
// Invariants
//   - Nothing here waits for anything but the next frame: neither for the program's code nor for room in a queue.
//   - What breaks the protocol, a gap in the numbering for instance, ends the session; an operation of a kind that this
//     version does not know is skipped.
//
// Thread safety: one loop.
using Belay.Client.Grpc;

namespace Belay.Client.Session;

/// <summary>The reading half of a connection.</summary>
internal sealed class SessionReader
{
    private readonly BelaySession _session;
    private readonly SessionStream _stream;

    /// <summary>Makes the reader of a connection.</summary>
    public SessionReader(BelaySession session, SessionStream stream)
    {
        _session = session;
        _stream = stream;
    }

    /// <summary>Reads until the stream ends in good order.</summary>
    /// <exception cref="GrpcException">It ended otherwise, or what came breaks the protocol.</exception>
    public async Task RunAsync(IGrpcDuplexCall<Wire.ClientFrame, Wire.ServerFrame> call)
    {
        while (await call.ReadAsync().ConfigureAwait(false) is { } frame)
        {
            _stream.OnHeard();
            for (var i = _session.Line.Receive(frame); i < frame.Operations.Count; i++)
                Take(frame.Operations[i]);
            if (_session.Line.IsAckDue)
                _session.Outbox.Nudge();
        }
    }

    private void Take(Wire.ServerOperation operation)
    {
        switch (operation.OperationCase)
        {
            case Wire.ServerOperation.OperationOneofCase.Welcome:
                _stream.OnWelcome(operation.Welcome);
                break;
            case Wire.ServerOperation.OperationOneofCase.Call:
                _session.Hosting.Run(operation.Call);
                break;
            case Wire.ServerOperation.OperationOneofCase.Result:
                _session.Calls.Answer(operation.Result);
                break;
            case Wire.ServerOperation.OperationOneofCase.Cancel:
                _session.Hosting.Cancel(operation.Cancel.CallId);
                break;
            case Wire.ServerOperation.OperationOneofCase.Reply:
                _session.OnReply(operation.Reply);
                break;
            case Wire.ServerOperation.OperationOneofCase.Released:
                _session.Hosting.Released(operation.Released.Handle);
                break;
            case Wire.ServerOperation.OperationOneofCase.Rows:
                _session.Scans.Take(operation.Rows);
                break;
            case Wire.ServerOperation.OperationOneofCase.Pong:
                _session.OnPong(operation.Pong.Nonce);
                break;
            case Wire.ServerOperation.OperationOneofCase.Goodbye:
                _stream.OnGoodbye(operation.Goodbye);
                break;
            default:
                break; // of a newer broker
        }
    }
}
