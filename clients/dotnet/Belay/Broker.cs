// A broker in this process: the registry of callbacks and, if asked, the store.
//
// Invariants
//   - Closing unregisters every callback; calls in flight finish; every closure ends exactly once, perhaps after Close has
//     returned false.
//   - Callbacks and owners keep the broker alive, closures do not: a broker that a program forgets is closed by the
//     garbage collector once nothing of it is in use.
//
// Thread safety: every member may be called from any thread, from inside callbacks too.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;
using System.Runtime.Loader;
using Belay.Native;

namespace Belay;

/// <summary>A broker in this process, over <c>libbelay.so</c>.</summary>
/// <remarks>The library is taken from the environment variable <c>BELAY_LIBRARY</c>, else from beside the program, else
/// from where the system's loader looks.</remarks>
public sealed unsafe partial class Broker : IBroker
{
    private readonly BrokerHandle _handle;
    private readonly Registrar _registrar;
    private readonly BrokerOptions _options;
    private readonly Lock _storeLock = new();
    private Store? _store;

    private Broker(BrokerHandle handle, BrokerOptions options)
    {
        _handle = handle;
        _options = options;
        Ledger = new ClosureLedger { Log = options.Log };
        _registrar = new Registrar(handle, Ledger);
    }

    /// <summary>Counts of this broker's closures.</summary>
    internal ClosureLedger Ledger { get; }

    internal Registrar Registrar => _registrar;

    /// <summary>The library's release, "0.1.0".</summary>
    public static string LibraryVersion => Status.TextOf(NativeMethods.Version());

    /// <inheritdoc/>
    public string Name => _options.Name;

    /// <summary>The handle's number.</summary>
    public ulong Handle => _handle.Value;

    /// <inheritdoc/>
    public event EventHandler<CallbackFaultEventArgs>? CallbackFaulted
    {
        add => Ledger.Faulted += value;
        remove => Ledger.Faulted -= value;
    }

    /// <summary>Opens a broker. May block: it opens files.</summary>
    /// <param name="options">How; null: a broker without a store.</param>
    /// <exception cref="BelayException">Reason <c>STORE_LOCKED</c>: another process has the folder; other store errors.</exception>
    /// <exception cref="DllNotFoundException">libbelay.so.0 was not found; the message says what to do.</exception>
    public static Broker Open(BrokerOptions? options = null)
    {
        options ??= new BrokerOptions();
        ArgumentNullException.ThrowIfNull(options.Name, nameof(options));
        LibraryResolver.Require(NativeMethods.AbiVersion());
        scoped Utf8StringMarshaller.ManagedToUnmanagedIn name = default, path = default;
        nint log = options.Log == null ? 0 : LogSinks.Add(options.Log);
        var opened = false;
        try
        {
            name.FromManaged(options.Name, stackalloc byte[0x100]);
            path.FromManaged(options.StorePath, stackalloc byte[0x100]);
            var native = new NativeBrokerOptions
            {
                StructSize = (uint)sizeof(NativeBrokerOptions),
                Name = name.ToUnmanaged(),
                StorePath = path.ToUnmanaged(),
                Log = log == 0 ? null : &Thunks.OnLog,
                LogContext = (void*)log,
            };
            options.Tuning?.WriteTo(ref native);
            options.History?.WriteTo(ref native);
            ulong handle;
            Status.Check(NativeMethods.Open(&native, &handle));
            opened = true;
            return new Broker(new BrokerHandle(handle, log), options);
        }
        finally
        {
            name.Free();
            path.Free();
            if (!opened && log != 0)
                LogSinks.Remove(log);
        }
    }

    /// <summary>Opens an owner: a scope of its own for one component of the program.</summary>
    /// <param name="name">Shown in listings; 1 to 255 bytes of UTF-8.</param>
    public Owner OpenOwner(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        ThrowIfClosed();
        scoped Utf8StringMarshaller.ManagedToUnmanagedIn text = default;
        try
        {
            text.FromManaged(name, stackalloc byte[0x100]);
            ulong owner;
            Status.Check(NativeMethods.OwnerOpen(Handle, text.ToUnmanaged(), &owner), _handle);
            return new Owner(owner, name, this, Ledger);
        }
        finally
        {
            text.Free();
        }
    }

    /// <summary>
    /// Opens an owner for a plugin: when the plugin's load context begins to unload, all that the owner registered is
    /// unregistered. The context is gone once the calls that run then have returned.
    /// </summary>
    /// <param name="name">Shown in listings; 1 to 255 bytes of UTF-8.</param>
    /// <param name="plugin">The load context whose code is to be called back.</param>
    /// <exception cref="ArgumentException">The context cannot be unloaded.</exception>
    public Owner OpenOwner(string name, AssemblyLoadContext plugin)
    {
        ArgumentNullException.ThrowIfNull(plugin);
        if (!plugin.IsCollectible)
            throw new ArgumentException(
                $"The load context '{plugin.Name}' is never unloaded: isCollectible is false.", nameof(plugin));
        var owner = OpenOwner(name);
        plugin.Unloading += _ => owner.Dispose();
        return owner;
    }

    /// <summary>Registers a callback that answers without waiting.</summary>
    /// <param name="function">The function.</param>
    /// <param name="options">What else to say about it.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    /// <returns>This program's handle to it.</returns>
    /// <remarks>What <see cref="CallbackOptions.Owned"/> names is disposed exactly once, also when registering fails.</remarks>
    public Callback Register(SpanFunction function, CallbackOptions? options = null, [CallerFilePath] string file = "",
                             [CallerLineNumber] int line = 0) => _registrar.Register(function, options, file, line);

    /// <summary>Registers a callback that may wait. The thread that invokes it waits with it.</summary>
    /// <inheritdoc cref="Register(SpanFunction, CallbackOptions?, string, int)"/>
    public Callback Register(CallbackFunction function, CallbackOptions? options = null, [CallerFilePath] string file = "",
                             [CallerLineNumber] int line = 0) => _registrar.Register(function, options, file, line);

    /// <summary>
    /// Registers a typed callback: native code that pins it calls it as a C function, context first. An exception has no
    /// status to go into: the function then returns zero and <see cref="CallbackFaulted"/> tells.
    /// </summary>
    /// <param name="function">
    /// A delegate of one of the types listed at <see cref="TypedSignature.BuiltIn"/>, such as
    /// <c>Func&lt;long, long&gt;</c>.
    /// </param>
    /// <inheritdoc cref="Register(SpanFunction, CallbackOptions?, string, int)"/>
    public Callback RegisterTyped<TDelegate>(TDelegate function, CallbackOptions? options = null,
                                             [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where TDelegate : Delegate =>
        _registrar.Register(function, TypedSignature.BuiltIn<TDelegate>(), options, file, line);

    /// <summary>Registers a typed callback of a signature that is not built in.</summary>
    /// <param name="function">The delegate.</param>
    /// <param name="signature">Its C signature and the function that native code calls.</param>
    /// <inheritdoc cref="RegisterTyped{TDelegate}(TDelegate, CallbackOptions?, string, int)"/>
    public Callback RegisterTyped<TDelegate>(TDelegate function, TypedSignature<TDelegate> signature,
                                             CallbackOptions? options = null, [CallerFilePath] string file = "",
                                             [CallerLineNumber] int line = 0)
        where TDelegate : Delegate
    {
        ArgumentNullException.ThrowIfNull(signature);
        return _registrar.Register(function, signature, options, file, line);
    }

    /// <summary>Lists live handles, in no promised order. One that comes or goes meanwhile may be missed.</summary>
    public IReadOnlyList<HandleInfo> List()
    {
        ThrowIfClosed();
        return HandleListing.List(_handle);
    }

    /// <summary>Describes one handle of any kind.</summary>
    /// <param name="handle">Its number.</param>
    public static HandleInfo Describe(ulong handle) => HandleListing.Describe(handle);

    /// <summary>The embedded store's default keyspace.</summary>
    /// <exception cref="BelayException"><see cref="BelayStatus.FailedPrecondition"/>: opened without one.</exception>
    public Store Store
    {
        get
        {
            ThrowIfClosed();
            if (_store == null)
            {
                lock (_storeLock)
                    _store ??= Store.Open(this, _handle);
            }
            return _store;
        }
    }

    /// <summary>Whether this is the <see cref="Store"/> that everybody gets.</summary>
    internal bool Shares(Store store) => ReferenceEquals(Volatile.Read(ref _store), store);

    /// <summary>Closes the broker: unregisters every callback and waits for calls in flight.</summary>
    /// <param name="timeout">How long to wait.</param>
    /// <returns>
    /// True: every call has returned and every closure has ended. False: the broker is closed, but calls are still in
    /// flight (or this is one of them); their closures end when they return.
    /// </returns>
    public bool Close(TimeSpan timeout) => _handle.CloseWithin(Status.Milliseconds(timeout));

    /// <summary>Closes the broker and waits up to <see cref="BrokerOptions.CloseTimeout"/>. Harmless twice.</summary>
    public void Dispose() => Close(_options.CloseTimeout);

    /// <summary>As <see cref="Dispose"/>, without blocking the calling thread.</summary>
    public ValueTask DisposeAsync() => _handle.IsClosed ? default : new ValueTask(Task.Run(Dispose));

    private void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
}
