// Reads frames and hands each operation to the part that it concerns, in order.
//
// Invariants
//   - Nothing here waits for anything but the next frame: neither for the program's code nor for room in a queue.
//   - A gap or repetition in the numbering ends the session; an operation of a kind that this version does not know is
//     skipped and counted.
//
// Thread safety: one loop.
using Belay.Client.Grpc;

namespace Belay.Client.Session;

/// <summary>The reading half of a session.</summary>
internal sealed class SessionReader
{
    private readonly BelaySession _session;
    private ulong _nextSequence = 1;

    /// <summary>Makes the reader of a session.</summary>
    public SessionReader(BelaySession session) => _session = session;

    /// <summary>Why the broker ended the session, if it said so.</summary>
    public Wire.Status? Goodbye { get; private set; }

    /// <summary>Operations of unknown kinds.</summary>
    public long UnknownOperations { get; private set; }

    /// <summary>Reads until the stream ends in good order.</summary>
    /// <exception cref="GrpcException">It ended otherwise, or what came breaks the protocol.</exception>
    public async Task RunAsync(IGrpcDuplexCall<Wire.ClientFrame, Wire.ServerFrame> call)
    {
        while (await call.ReadAsync().ConfigureAwait(false) is { } frame)
        {
            if (frame.Operations.Count == 0)
                continue;
            if (frame.FirstSequence != _nextSequence)
                throw new GrpcException(
                    GrpcCode.Internal,
                    $"the broker broke the protocol: operation {_nextSequence} was due, {frame.FirstSequence} came");
            foreach (var operation in frame.Operations)
                Take(operation);
            _nextSequence += (ulong)frame.Operations.Count;
            _session.Outbox.Heard(_nextSequence - 1);
        }
    }

    private void Take(Wire.ServerOperation operation)
    {
        switch (operation.OperationCase)
        {
            case Wire.ServerOperation.OperationOneofCase.Welcome:
                _session.OnWelcome(operation.Welcome);
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
                _session.Requests.Answer(operation.Reply);
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
                Goodbye = operation.Goodbye.Status ?? new Wire.Status();
                break;
            default:
                UnknownOperations++;
                break;
        }
    }
}
