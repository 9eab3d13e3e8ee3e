// A duplex call over HTTP/2: writes go into the open request body, reads come from the response, which may
// begin long after the first write.
//
// Invariants
//   - One write reaches the transport as one piece, prefix and message together.
//   - Abort ends a read and a write in progress, and tells the server (RST_STREAM).
//
// Thread safety: one writer, one reader; Abort from anywhere. DisposeAsync aborts, waits for a read in
// progress and must not meet a write in progress.
using System.Buffers;
using Google.Protobuf;

namespace Belay.Client.Grpc;

/// <summary>An open duplex call.</summary>
internal sealed class HttpDuplexCall<TRequest, TResponse>(
    GrpcMethod<TRequest, TResponse> method, DuplexContent content, string target)
    : IGrpcDuplexCall<TRequest, TResponse>
    where TRequest : IMessage<TRequest>
    where TResponse : IMessage<TResponse>
{
    private readonly CancellationTokenSource _ended = new();
    private readonly SemaphoreSlim _reading = new(1, 1);
    private Task<HttpResponseBody>? _response;
    private Stream? _request;

    /// <summary>Sends the request; its answer is awaited by the first read.</summary>
    public void Start(Func<CancellationToken, Task<HttpResponseBody>> send)
    {
        _response = send(_ended.Token);
        _ = _response.ContinueWith(
            static (response, state) =>
                ((DuplexContent)state!).Fail(response.Exception?.InnerException ?? new OperationCanceledException()),
            content,
            CancellationToken.None,
            TaskContinuationOptions.NotOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    /// <summary>Waits until messages can be written.</summary>
    public async Task OpenedAsync(CancellationToken cancellationToken)
    {
        try
        {
            _request = await content.Opened.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            throw Failure(e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask WriteAsync(TRequest message)
    {
        var size = GrpcFraming.FramedSize(message);
        var buffer = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            GrpcFraming.Write(message, buffer.AsSpan(0, size));
            await _request!.WriteAsync(buffer.AsMemory(0, size), _ended.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw Failure(e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc/>
    public async ValueTask FlushAsync()
    {
        try
        {
            await _request!.FlushAsync(_ended.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw Failure(e);
        }
    }

    /// <inheritdoc/>
    public void Complete() => content.Complete();

    /// <inheritdoc/>
    public async ValueTask<TResponse?> ReadAsync()
    {
        await _reading.WaitAsync().ConfigureAwait(false);
        try
        {
            var body = await _response!.ConfigureAwait(false);
            var (ended, message) = await body.NextAsync(method.ResponseParser, _ended.Token).ConfigureAwait(false);
            return ended ? default : message;
        }
        catch (Exception e)
        {
            throw Failure(e);
        }
        finally
        {
            _reading.Release();
        }
    }

    /// <inheritdoc/>
    public void Abort() => _ended.Cancel();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Abort();
        await _reading.WaitAsync().ConfigureAwait(false);
        try
        {
            using var body = await _response!.ConfigureAwait(false);
        }
        catch (Exception e) when (
            e is GrpcException or HttpRequestException or IOException or OperationCanceledException)
        {
            // The reader has been told.
        }
        finally
        {
            _reading.Release();
        }
    }

    private GrpcException Failure(Exception e) => e is not GrpcException && _ended.IsCancellationRequested
        ? new GrpcException(GrpcCode.Cancelled, $"the call to {target} was ended here", false, e)
        : GrpcErrors.From(e, target);
}
