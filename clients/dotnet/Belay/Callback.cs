// One holder's handle to a callback.
//
// Invariants
//   - The native handle is released exactly once: by Dispose or, failing that, by the finalizer; neither blocks.
//   - Handles are numbers that the library checks and never reuses. A call that races with Dispose therefore either runs
//     (the library holds the closure for the length of a call) or is refused; it needs no DangerousAddRef, which would
//     cost more than the call. GC.KeepAlive keeps the finalizer from running beneath a call.
//   - A closure that captures its own Callback keeps it alive: dispose such a callback, the finalizer never will.
//
// Thread safety: every member may be called from any thread, from inside the callback too.
using System.Buffers;
using System.Runtime.InteropServices;
using Belay.Native;

namespace Belay;

/// <summary>A handle to a callback. Disposing releases it.</summary>
public sealed unsafe partial class Callback : SafeHandle, ICallback
{
    private readonly Task? _released;
    private readonly object? _parent; // The owner's or broker's handle, kept open as long as this one is in use.

    internal Callback(ulong handle, Task? released, object? parent) : base(0, true)
    {
        SetHandle((nint)handle);
        _released = released;
        _parent = parent;
    }

    /// <summary>Takes over a handle that native code has given to this program, which now has to release it.</summary>
    /// <param name="handle">The number, from belay_register or belay_retain.</param>
    /// <exception cref="BelayException">It is not a live handle of a callback.</exception>
    public static Callback Adopt(ulong handle)
    {
        var info = HandleListing.Describe(handle);
        if (info.Kind != HandleKind.Callback)
        {
            throw new BelayException(BelayStatus.WrongKind, "WRONG_KIND",
                $"handle 0x{handle:x} is a {info.Kind}: a Callback can be made of a callback's handle only");
        }
        return new Callback(handle, null, null);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <inheritdoc/>
    public ulong Handle => (ulong)handle;

    /// <inheritdoc/>
    public Task Released => _released ?? throw new InvalidOperationException(
        "This callback was not registered through this object; only the one that registers it can tell when its closure has ended.");

    /// <summary>Makes another handle to the same callback.</summary>
    /// <param name="holder">Who will hold it; null: the holder of this one.</param>
    /// <param name="rights">A subset of this handle's rights.</param>
    public Callback Retain(Owner? holder = null, CallbackRights rights = CallbackRights.Same)
    {
        ThrowIfDisposed();
        ulong retained;
        var status = NativeMethods.Retain(Handle, holder?.Handle ?? 0, (uint)rights, &retained);
        GC.KeepAlive(holder);
        Status.Check(status, this);
        return new Callback(retained, _released, (object?)holder ?? _parent);
    }

    /// <summary>
    /// Makes another handle for native code to hold and to release. Nothing here refers to it: whoever gets the number
    /// has to call belay_release.
    /// </summary>
    /// <param name="holder">Who will hold it; null: the holder of this one.</param>
    /// <param name="rights">A subset of this handle's rights.</param>
    public ulong RetainForNative(Owner? holder = null, CallbackRights rights = CallbackRights.Same)
    {
        ThrowIfDisposed();
        ulong retained;
        var status = NativeMethods.Retain(Handle, holder?.Handle ?? 0, (uint)rights, &retained);
        GC.KeepAlive(holder);
        Status.Check(status, this);
        return retained;
    }

    /// <summary>Makes the callback uncallable for every holder, at once. Calls in flight go on. Idempotent.</summary>
    public void Unregister()
    {
        ThrowIfDisposed();
        Status.Check(NativeMethods.Unregister(Handle), this);
    }

    /// <summary>Waits until no call is in flight and the closure has ended. Unregister first.</summary>
    /// <param name="timeout">How long.</param>
    /// <exception cref="BelayException">
    /// <see cref="BelayStatus.DeadlineExceeded"/>: calls or pins are still there, the message counts them;
    /// <see cref="BelayStatus.WouldDeadlock"/>: this is one of them.
    /// </exception>
    public void Drain(TimeSpan timeout)
    {
        ThrowIfDisposed();
        Status.Check(NativeMethods.Drain(Handle, Status.Milliseconds(timeout)), this);
    }

    /// <summary>As <see cref="Drain"/>, without blocking a thread. Unregister first.</summary>
    /// <param name="cancellationToken">Stops waiting; the draining goes on.</param>
    public Task DrainAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        var drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var context = GCHandle.Alloc(drained);
        var status = NativeMethods.DrainNotify(Handle, &Thunks.OnDrained, GCHandle.ToIntPtr(context));
        if (status != Status.Ok)
        {
            context.Free(); // Never notified then.
            Status.Throw(status, this);
        }
        return drained.Task.WaitAsync(cancellationToken);
    }

    /// <summary>What the broker knows about this handle.</summary>
    public HandleInfo Describe()
    {
        ThrowIfDisposed();
        return HandleListing.Describe(Handle, this);
    }

    /// <summary>Pins a typed callback for direct calls by native code.</summary>
    /// <typeparam name="TDelegate">A delegate type of the same C signature as the registered one.</typeparam>
    public Pin Pin<TDelegate>() where TDelegate : Delegate => Pin(TypedSignature.BuiltIn<TDelegate>().Signature);

    /// <summary>Pins a typed callback for direct calls by native code.</summary>
    /// <param name="signature">The C signature that the calls will use, e.g. <c>i64(i64)</c>.</param>
    /// <exception cref="BelayException">Reason <c>SIGNATURE_MISMATCH</c>: registered with another.</exception>
    public Pin Pin(string signature)
    {
        ArgumentNullException.ThrowIfNull(signature);
        ThrowIfDisposed();
        return Belay.Pin.Create(this, signature);
    }

    /// <summary>Releases the handle. Never blocks; harmless twice.</summary>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        // STALE or CLOSED where the owner or broker was closed first: then there is nothing left to release.
        _ = NativeMethods.Release((ulong)handle);
        return true;
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(IsClosed, this);
}
