// The gRPC channels of a client: one at a time, and a new one for each connection of its session. A channel that was
// lost may not know it yet, and would have the next attempt wait for the dead.
//
// Thread safety: ConnectAsync by one loop; the rest from any thread.
using Belay.Client.Grpc;

namespace Belay.Client.Session;

/// <summary>Makes channels.</summary>
internal sealed class ChannelSource
{
    private readonly Func<IGrpcChannel> _make;
    private volatile IGrpcChannel _current;
    private bool _used;

    /// <summary>Makes the first channel, which connects when it is used.</summary>
    /// <exception cref="ArgumentException">The address is wrong.</exception>
    public ChannelSource(string address, BelayClientOptions options)
    {
        _make = options.ChannelFactory is { } factory
            ? () => factory(address)
            : () => new HttpGrpcChannel(
                GrpcEndpoint.Parse(address), options.MaxReceiveMessageBytes, options.ConnectTimeout);
        _current = _make();
    }

    /// <summary>For what has a stream or call beside the session.</summary>
    public IGrpcChannel Current => _current;

    /// <summary>Opens a connection for the session.</summary>
    /// <exception cref="GrpcException">There is none to be had.</exception>
    public async Task<IGrpcDuplexCall<Wire.ClientFrame, Wire.ServerFrame>> ConnectAsync(
        CancellationToken cancellationToken)
    {
        if (_used)
        {
            var last = _current;
            _current = _make();
            await last.DisposeAsync().ConfigureAwait(false);
        }

        _used = true;
        return await _current.DuplexAsync(WireMethods.Session, default, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>No connection is needed any more.</summary>
    public ValueTask DisposeAsync() => _current.DisposeAsync();
}
