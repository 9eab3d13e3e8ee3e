// What a session needs to know beside what it finds out.
//
// Thread safety: immutable.
using Belay.Client.Grpc;

namespace Belay.Client.Session;

/// <summary>How a session gets connections, and what it does without one.</summary>
internal sealed record SessionOptions
{
    /// <summary>What each new session begins with.</summary>
    public required Wire.Hello Hello { get; init; }

    /// <summary>Where the broker is, for people.</summary>
    public required string Target { get; init; }

    /// <summary>Makes a connection, which takes the place of the last one.</summary>
    public required Func<CancellationToken, Task<IGrpcDuplexCall<Wire.ClientFrame, Wire.ServerFrame>>> Connect
    {
        get;
        init;
    }

    /// <summary>There will be no other connection.</summary>
    public required Func<ValueTask> Disconnect { get; init; }

    /// <summary>Tells the program.</summary>
    public required SessionEvents Events { get; init; }

    /// <summary>Whether the session goes on over another connection, or gives way to another session.</summary>
    public required bool OutlivesConnections { get; init; }

    /// <summary>How long one attempt may take.</summary>
    public required TimeSpan ConnectTimeout { get; init; }

    /// <summary>After how long without a connection the session is given up.</summary>
    public required TimeSpan ReconnectTimeout { get; init; }
}
