// What a client was told of its session, in order.
using System.Threading.Channels;

namespace Belay.Client.Tests.Support;

/// <summary>Collects a client's events.</summary>
internal sealed class Events
{
    private readonly Channel<SessionEventArgs> _events = Channel.CreateUnbounded<SessionEventArgs>();

    public Events(BelayClient client) => client.SessionChanged += (_, e) => _events.Writer.TryWrite(e);

    /// <summary>The next event, which is of this kind.</summary>
    public async Task<SessionEventArgs> NextAsync(SessionChange change)
    {
        var next = await _events.Reader.ReadAsync(Patience.Token);
        Assert.Equal(change, next.Change);
        return next;
    }
}
