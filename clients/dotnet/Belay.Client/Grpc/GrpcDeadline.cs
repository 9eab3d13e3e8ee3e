// The time a call may take, as a token, and which of the reasons to stop it was.
//
// Thread safety: one call's own.
namespace Belay.Client.Grpc;

/// <summary>A caller's token and a deadline, told apart when either fires.</summary>
internal sealed class GrpcDeadline : IDisposable
{
    private readonly CancellationTokenSource? _source;
    private readonly CancellationToken _callers;
    private readonly TimeSpan? _timeout;

    /// <summary>Starts the clock.</summary>
    public GrpcDeadline(TimeSpan? timeout, CancellationToken callers)
    {
        _callers = callers;
        _timeout = timeout;
        if (timeout is not { } time) return;
        _source = CancellationTokenSource.CreateLinkedTokenSource(callers);
        _source.CancelAfter(time > TimeSpan.Zero ? time : TimeSpan.Zero);
    }

    /// <summary>Fires when the call is to stop.</summary>
    public CancellationToken Token => _source?.Token ?? _callers;

    /// <summary>Runs a step of the call, with its failures in gRPC's terms.</summary>
    public async Task<T> Run<T>(Func<Task<T>> step, string target)
    {
        try
        {
            return await step().ConfigureAwait(false);
        }
        catch (Exception e) when (e is not GrpcException)
        {
            _callers.ThrowIfCancellationRequested();
            if (_source is { IsCancellationRequested: true })
                throw new GrpcException(GrpcCode.DeadlineExceeded,
                    $"no answer from {target} within {_timeout!.Value.TotalMilliseconds} ms", false, e);
            throw GrpcErrors.From(e, target);
        }
    }

    /// <summary>Stops the clock.</summary>
    public void Dispose() => _source?.Dispose();
}
