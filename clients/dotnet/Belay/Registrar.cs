// Hands closures to the library. Broker and Owner both register through one of these.
//
// Invariants
//   - From the moment the closure exists, it ends exactly once, also when registering fails (R3): before the library has
//     the context this class ends it, from then on the library does, through Thunks.OnRelease.
//   - The delegate is reachable through the GCHandle only as long as the library holds the context.
//
// Thread safety: any thread.
using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;
using Belay.Native;

namespace Belay;

/// <param name="scope">The owner's or broker's handle; kept alive by every callback registered under it.</param>
/// <param name="ledger">The broker's.</param>
internal sealed unsafe class Registrar(SafeHandle scope, ClosureLedger ledger)
{
    internal Callback Register(SpanFunction function, CallbackOptions? options, string file, int line)
    {
        ArgumentNullException.ThrowIfNull(function);
        options ??= CallbackOptions.Default;
        return Register(ByteClosure.Create(function, options, options.SiteOr(file, line), ledger), options);
    }

    internal Callback Register(CallbackFunction function, CallbackOptions? options, string file, int line)
    {
        ArgumentNullException.ThrowIfNull(function);
        options ??= CallbackOptions.Default;
        return Register(ByteClosure.Create(function, options, options.SiteOr(file, line), ledger), options);
    }

    /// <summary>Registers a function that the store is to call.</summary>
    internal Callback Register(Hook hook, string label, string file, int line)
    {
        var options = new CallbackOptions { Label = label };
        return Register(ByteClosure.Create(hook, options, options.SiteOr(file, line), ledger), options);
    }

    internal Callback Register<TDelegate>(TDelegate function, TypedSignature<TDelegate> signature, CallbackOptions? options,
                                          string file, int line) where TDelegate : Delegate
    {
        ArgumentNullException.ThrowIfNull(function);
        options ??= CallbackOptions.Default;
        var closure = new TypedClosure<TDelegate>(function, options, options.SiteOr(file, line), ledger);
        var native = new NativeCallbackOptions { Typed = signature.Function };
        return Register(closure, options, native, signature.Signature);
    }

    private Callback Register(ByteClosure closure, CallbackOptions options) =>
        Register(closure, options, new NativeCallbackOptions { Callback = &Thunks.OnCall }, null);

    private Callback Register(Closure closure, CallbackOptions options, NativeCallbackOptions native, string? signature)
    {
        scoped Utf8StringMarshaller.ManagedToUnmanagedIn label = default, site = default, signatureText = default;
        var handedOver = false;
        try
        {
            ObjectDisposedException.ThrowIf(scope.IsClosed, scope);
            if (options.Name != null)
            {
                throw new BelayException(BelayStatus.Unimplemented, "NO_PUBLIC_NAMES",
                    "callbacks have public names on the gRPC door only: pass the handle instead");
            }
            label.FromManaged(options.Label, stackalloc byte[0x100]);
            site.FromManaged(closure.Site, stackalloc byte[0x100]);
            signatureText.FromManaged(signature, stackalloc byte[0x100]);
            native.StructSize = (uint)sizeof(NativeCallbackOptions);
            native.Label = label.ToUnmanaged();
            native.Site = site.ToUnmanaged();
            native.Signature = signatureText.ToUnmanaged();
            native.Release = &Thunks.OnRelease;
            native.Executor = options.Executor?.Handle ?? 0;
            native.Context = closure.Root();
            handedOver = true;
            ulong handle;
            var status = NativeMethods.Register((ulong)scope.DangerousGetHandle(), &native, &handle);
            GC.KeepAlive(scope);
            GC.KeepAlive(options.Executor);
            Status.Check(status, scope);
            return new Callback(handle, closure.Released, scope);
        }
        finally
        {
            label.Free();
            site.Free();
            signatureText.Free();
            if (!handedOver)
                closure.End();
        }
    }
}
