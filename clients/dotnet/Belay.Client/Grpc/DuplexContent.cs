// A request body that stays open: HttpClient asks for it once, and it hands out the stream to write to.
//
// Invariant: SerializeToStreamAsync returns exactly when the call is completed or aborted, which is what
// ends the request at the other side.
//
// Thread safety: any thread.
using System.Net;
using System.Net.Http.Headers;

namespace Belay.Client.Grpc;

/// <summary>The open request body of a duplex call.</summary>
internal sealed class DuplexContent : HttpContent
{
    private readonly TaskCompletionSource<Stream> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Makes one, of type application/grpc.</summary>
    public DuplexContent() => Headers.ContentType = new MediaTypeHeaderValue("application/grpc");

    /// <summary>The stream to write to, once the request is under way.</summary>
    public Task<Stream> Opened => _opened.Task;

    /// <summary>Ends the body in good order.</summary>
    public void Complete() => _completed.TrySetResult();

    /// <summary>Ends the body because the request failed: whoever waits for the stream learns why.</summary>
    public void Fail(Exception error)
    {
        _opened.TrySetException(error);
        _completed.TrySetResult();
        _ = _opened.Task.Exception; // observed: nobody may be waiting
    }

    /// <inheritdoc/>
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    /// <inheritdoc/>
    protected override async Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // Without this the headers wait for the first message, and a server that speaks first is not heard.
        await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
        _opened.TrySetResult(stream);
        await _completed.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override bool TryComputeLength(out long length)
    {
        length = -1;
        return false;
    }
}
