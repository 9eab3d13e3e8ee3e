// An owner: the scope that registers callbacks and is answerable for them. One per component of a program.
//
// Invariants: disposing it unregisters all it registered; its callbacks keep it alive, so that the garbage collector
// never closes an owner whose callbacks are in use.
// Thread safety: every member may be called from any thread.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Belay.Native;

namespace Belay;

/// <summary>A scope that registers callbacks. Disposing it unregisters them all and waits for nothing.</summary>
public sealed class Owner : SafeHandle
{
    private readonly Registrar _registrar;
    private readonly ClosureLedger _ledger;
    private readonly Broker _broker; // Kept alive, so that it is not closed under a living owner.

    internal Owner(ulong handle, string name, Broker broker, ClosureLedger ledger) : base(0, true)
    {
        SetHandle((nint)handle);
        Name = name;
        _broker = broker;
        _ledger = new ClosureLedger(ledger);
        _registrar = new Registrar(this, _ledger);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The handle's number.</summary>
    public ulong Handle => (ulong)handle;

    /// <summary>Name shown in listings.</summary>
    public string Name { get; }

    /// <summary>The broker it belongs to.</summary>
    public Broker Broker => _broker;

    /// <inheritdoc cref="Broker.Register(SpanFunction, CallbackOptions?, string, int)"/>
    public Callback Register(SpanFunction function, CallbackOptions? options = null, [CallerFilePath] string file = "",
                             [CallerLineNumber] int line = 0) => _registrar.Register(function, options, file, line);

    /// <inheritdoc cref="Broker.Register(CallbackFunction, CallbackOptions?, string, int)"/>
    public Callback Register(CallbackFunction function, CallbackOptions? options = null, [CallerFilePath] string file = "",
                             [CallerLineNumber] int line = 0) => _registrar.Register(function, options, file, line);

    /// <inheritdoc cref="Broker.RegisterTyped{TDelegate}(TDelegate, CallbackOptions?, string, int)"/>
    public Callback RegisterTyped<TDelegate>(TDelegate function, CallbackOptions? options = null,
                                             [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where TDelegate : Delegate =>
        _registrar.Register(function, TypedSignature.BuiltIn<TDelegate>(), options, file, line);

    /// <inheritdoc cref="Broker.RegisterTyped{TDelegate}(TDelegate, TypedSignature{TDelegate}, CallbackOptions?, string, int)"/>
    public Callback RegisterTyped<TDelegate>(TDelegate function, TypedSignature<TDelegate> signature,
                                             CallbackOptions? options = null, [CallerFilePath] string file = "",
                                             [CallerLineNumber] int line = 0)
        where TDelegate : Delegate
    {
        ArgumentNullException.ThrowIfNull(signature);
        return _registrar.Register(function, signature, options, file, line);
    }

    /// <summary>Unregisters all that it registered, and waits until that has ended.</summary>
    /// <returns>A task that ends when no call of its callbacks runs, and nothing of Belay's refers to their closures.</returns>
    /// <remarks>Inside one of its callbacks do not wait for the task: it would wait for the call that waits for it.</remarks>
    public Task CloseAsync()
    {
        Dispose();
        return _ledger.WhenNoneAsync();
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        _ = NativeMethods.OwnerClose((ulong)handle);
        return true;
    }
}
