// What a program is told of its session.
//
// Thread safety: immutable.
namespace Belay.Client;

/// <summary>What the loss of a connection does to a client's session.</summary>
public enum SessionLife
{
    /// <summary>It goes on over the next connection, or a new one takes its place.</summary>
    OutlivesConnections,

    /// <summary>It is over.</summary>
    EndsWithConnection,
}

/// <summary>What became of a session.</summary>
public enum SessionChange
{
    /// <summary>The connection is lost; the client tries to make another, and what is asked of it waits.</summary>
    Disconnected,

    /// <summary>The session goes on as if nothing had been.</summary>
    Resumed,

    /// <summary>
    /// A new session has taken the place of one that is over, with everything that could be put back: callbacks with
    /// their names, watches and validators, under the handles that the program knows.
    /// </summary>
    Renewed,

    /// <summary>A callback, watch or validator could not be put into the new session, and has ended.</summary>
    NotPutBack,
}

/// <summary>An event of a session.</summary>
public sealed class SessionEventArgs : EventArgs
{
    internal SessionEventArgs(SessionChange change, BelayException? error, ulong handle)
    {
        Change = change;
        Error = error;
        Handle = handle;
    }

    /// <summary>What happened.</summary>
    public SessionChange Change { get; }

    /// <summary>Why: of <see cref="SessionChange.Disconnected"/> and <see cref="SessionChange.NotPutBack"/>.</summary>
    public BelayException? Error { get; }

    /// <summary>Of <see cref="SessionChange.NotPutBack"/>, the handle as the program knows it; else 0.</summary>
    public ulong Handle { get; }
}
