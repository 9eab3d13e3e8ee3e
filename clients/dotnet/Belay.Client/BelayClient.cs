// The gRPC door: a session with a belayd, as an IBroker.
//
// When the connection is lost the client makes another, and the session goes on: nothing is lost or done twice,
// operations wait meanwhile. If the broker has none to go on with (it was restarted, or too much time has passed), the
// client begins a new one and puts back what it can: its callbacks with their names, watches and validators keep
// the handles that the program knows. Everything unanswered ends with UNAVAILABLE then, calls with how far they got;
// other handles (of resolved callbacks, retained ones, snapshots) say STALE. SessionChanged tells. What SessionLife and
// ReconnectTimeout do not allow, or the broker refuses for another reason, is the end.
//
// Invariants
//   - What is registered through a client lives in its session and ends with it, exactly once (W5).
//   - Disposing never waits for the program's own callbacks; the token of those that run is cancelled, and what they
//     close over is disposed when they have returned.
//
// Thread safety: every member from any thread.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Belay.Client.Grpc;
using Belay.Client.Session;

namespace Belay.Client;

/// <summary>A connection to a belayd: registers callbacks, finds and invokes those of others, and has the
/// store.</summary>
public sealed class BelayClient : IBroker
{
    private readonly ChannelSource _channels;
    private readonly SessionEvents _events;
    private readonly BelayClientOptions _options;
    private readonly RemoteStore _store;
    private int _disposed;

    private BelayClient(
        ChannelSource channels, BelaySession session, SessionEvents events, BelayClientOptions options)
    {
        _channels = channels;
        _events = events;
        _events.Source = this;
        _options = options;
        Session = session;
        Ledger = new ClosureLedger { Log = options.Log };
        _store = new RemoteStore(new StoreDoor(this, options.MaxUnreadScanBytes), "default");
    }

    /// <inheritdoc/>
    public event EventHandler<CallbackFaultEventArgs>? CallbackFaulted
    {
        add => Ledger.Faulted += value;
        remove => Ledger.Faulted -= value;
    }

    /// <summary>
    /// What becomes of the session: in order, on the thread pool. A handler that takes its time holds up the next event,
    /// and nothing else.
    /// </summary>
    public event EventHandler<SessionEventArgs>? SessionChanged
    {
        add => _events.Changed += value;
        remove => _events.Changed -= value;
    }

    /// <inheritdoc/>
    public string Name => _options.ClientName;

    /// <summary>Where the broker is.</summary>
    public string Target => Channel.Target;

    /// <summary>The broker's number for this session, as belayctl shows it; another once it was renewed.</summary>
    public ulong SessionId => Session.Welcome.SessionId;

    /// <summary>Which start of the broker it is.</summary>
    public ulong Epoch => Session.Welcome.Epoch;

    /// <inheritdoc/>
    public IStore Store => _store;

    /// <summary>Ends when the session is over for good, by <see cref="DisposeAsync"/>, by the broker's word or because no
    /// connection could be had for so long; then nothing works any more.</summary>
    public Task Completion => Session.Completion;

    internal BelaySession Session { get; }

    /// <summary>For what has a stream or call beside the session.</summary>
    internal IGrpcChannel Channel => _channels.Current;

    internal ClosureLedger Ledger { get; }

    /// <summary>Connects to a broker and opens a session.</summary>
    /// <param name="address">"unix:/path" or "host:port".</param>
    /// <param name="options">How to present oneself.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The client.</returns>
    /// <exception cref="ArgumentException">The address or an option is wrong.</exception>
    /// <exception cref="BelayException"><see cref="BelayStatus.Unavailable"/>: nobody listens there; others:
    /// refused.</exception>
    public static async Task<BelayClient> ConnectAsync(
        string address, BelayClientOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new BelayClientOptions();
        var channels = new ChannelSource(address, options);
        var events = new SessionEvents(options.Log);
        var session = new SessionOptions
        {
            Hello = options.ToHello(address),
            Target = channels.Current.Target,
            Connect = channels.ConnectAsync,
            Disconnect = channels.DisposeAsync,
            Events = events,
            OutlivesConnections = options.SessionLife == SessionLife.OutlivesConnections,
            ConnectTimeout = options.ConnectTimeout,
            ReconnectTimeout = options.ReconnectTimeout,
        };
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(options.ConnectTimeout);
        try
        {
            var opened = await BelaySession.OpenAsync(session, patience.Token).ConfigureAwait(false);
            return new BelayClient(channels, opened, events, options);
        }
        catch (Exception e)
        {
            await channels.DisposeAsync().ConfigureAwait(false);
            if (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
                throw new BelayException(
                    BelayStatus.DeadlineExceeded, "CONNECT_TIMEOUT",
                    $"{session.Target} did not open a session within {options.ConnectTimeout.TotalMilliseconds} ms",
                    CallCertainty.SentUnknown, e);
            throw;
        }
    }

    /// <summary>Connects to a broker and opens a session.</summary>
    /// <param name="address">unix:/path or http://host:port.</param>
    /// <param name="options">How to present oneself.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The client.</returns>
    public static Task<BelayClient> ConnectAsync(
        Uri address, BelayClientOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(address);
        return ConnectAsync(address.OriginalString, options, cancellationToken);
    }

    /// <inheritdoc cref="IBroker.RegisterAsync(CallbackFunction, CallbackOptions?, CancellationToken, string, int)"/>
    public ValueTask<RemoteCallback> RegisterAsync(
        CallbackFunction function, CallbackOptions? options = null, CancellationToken cancellationToken = default,
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(function);
        options ??= CallbackOptions.Default;
        return RegisterAsync(
            ByteClosure.Create(function, options, options.SiteOr(file, line), Ledger), options, cancellationToken);
    }

    /// <inheritdoc cref="IBroker.RegisterAsync(SpanFunction, CallbackOptions?, CancellationToken, string, int)"/>
    public ValueTask<RemoteCallback> RegisterAsync(
        SpanFunction function, CallbackOptions? options = null, CancellationToken cancellationToken = default,
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(function);
        options ??= CallbackOptions.Default;
        return RegisterAsync(
            ByteClosure.Create(function, options, options.SiteOr(file, line), Ledger), options, cancellationToken);
    }

    /// <summary>Registers a filter, which can be given to any number of scans.</summary>
    /// <param name="filter">Picks rows.</param>
    /// <param name="options">What else to say about it.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    /// <returns>This program's handle to the callback.</returns>
    public ValueTask<RemoteCallback> RegisterFilterAsync(
        RowFilter filter, CallbackOptions? options = null, CancellationToken cancellationToken = default,
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        return RegisterHookAsync(Hook.Of(filter), options, cancellationToken, file, line);
    }

    /// <summary>Registers a watch function, which can be attached to any number of prefixes.</summary>
    /// <param name="function">Receives changes.</param>
    /// <param name="options">What else to say about it.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    /// <returns>This program's handle to the callback.</returns>
    public ValueTask<RemoteCallback> RegisterWatchAsync(
        WatchFunction function, CallbackOptions? options = null, CancellationToken cancellationToken = default,
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        return RegisterHookAsync(Hook.Of(function), options, cancellationToken, file, line);
    }

    /// <summary>Finds a callback by its public name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    /// <returns>A handle of this program's own to it.</returns>
    /// <exception cref="BelayException"><see cref="BelayStatus.NotFound"/>: nobody has registered under that
    /// name.</exception>
    public async ValueTask<RemoteCallback> ResolveAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ThrowIfDisposed();
        var reply = await Session.SendAsync(
            id => new Wire.ClientOperation { Resolve = new Wire.Resolve { RequestId = id, Name = name } },
            cancellationToken).ConfigureAwait(false);
        return new RemoteCallback(this, reply.Handle, released: null);
    }

    /// <summary>Waits until the broker has applied everything this client sent before.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>How long that took.</returns>
    public async Task<TimeSpan> PingAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        var start = Stopwatch.GetTimestamp();
        await Session.PingAsync(cancellationToken).ConfigureAwait(false);
        return Stopwatch.GetElapsedTime(start);
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<HandleInfo> ListAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return HandleListing.ListAsync(Channel, cancellationToken);
    }

    async ValueTask<ICallback> IBroker.RegisterAsync(
        CallbackFunction function, CallbackOptions? options, CancellationToken cancellationToken, string file,
        int line) =>
        await RegisterAsync(function, options, cancellationToken, file, line).ConfigureAwait(false);

    async ValueTask<ICallback> IBroker.RegisterAsync(
        SpanFunction function, CallbackOptions? options, CancellationToken cancellationToken, string file, int line) =>
        await RegisterAsync(function, options, cancellationToken, file, line).ConfigureAwait(false);

    /// <summary>Ends the session at once, without waiting: what is still queued may not be sent.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        Session.Abort();
    }

    /// <summary>Ends the session in good order: what is queued is sent first.</summary>
    /// <returns>A task that ends when the session is over. It does not wait for callbacks that still run.</returns>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await Session.CloseAsync(_options.CloseTimeout).ConfigureAwait(false);
    }

    internal async ValueTask<RemoteCallback> RegisterAsync(
        ByteClosure closure, CallbackOptions options, CancellationToken cancellationToken)
    {
        var hosted = new HostedCallback(closure, options.Name ?? string.Empty);
        if (Volatile.Read(ref _disposed) != 0 || options.Executor is not null)
            hosted.End(); // also when it fails: the closure was handed over
        ThrowIfDisposed();
        if (options.Executor is not null)
            throw new BelayException(
                BelayStatus.Unimplemented, "NO_EXECUTORS",
                "queues and strands are of the in-process door: say CallbackOptions.RunOn instead");
        var reply = await Session.RegisterAsync(hosted, cancellationToken).ConfigureAwait(false);
        return new RemoteCallback(this, reply.Handle, hosted.Released);
    }

    internal ValueTask<RemoteCallback> RegisterHookAsync(
        Hook hook, CallbackOptions? options, CancellationToken cancellationToken, string file = "", int line = 0)
    {
        options ??= CallbackOptions.Default;
        return RegisterAsync(
            ByteClosure.Create(hook, options, options.SiteOr(file, line), Ledger), options, cancellationToken);
    }

    internal void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
}
