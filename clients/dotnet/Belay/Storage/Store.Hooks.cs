// What of the store calls back, beside filters: watches, validators and updates.
//
// Invariants: a function given as a delegate lives exactly as long as its subscription, or as the update takes: the
// library holds the only handle to it. A Callback is its owner's; the library holds a handle of its own meanwhile.
// Thread safety: any thread.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices.Marshalling;
using Belay.Native;

namespace Belay;

public sealed unsafe partial class Store
{
    /// <summary>Attaches a watch: the function is called on a thread of the broker's, one call at a time.</summary>
    /// <param name="options">Which keys, from which revision; null: all changes from now on.</param>
    /// <param name="function">Receives the changes. If it throws, the same changes come again after a pause.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    public Subscription Watch(WatchOptions? options, WatchFunction function, [CallerFilePath] string file = "",
                              [CallerLineNumber] int line = 0)
    {
        options ??= new WatchOptions();
        using var callback = Broker.Registrar.Register(Hook.Of(function), options.Label, file, line);
        return Watch(options, callback.Handle, callback.Released);
    }

    /// <summary>Attaches a watch that calls a registered callback with row blocks.</summary>
    /// <param name="options">Which keys, from which revision; null: all changes from now on.</param>
    /// <param name="callback">The callback.</param>
    public Subscription Watch(WatchOptions? options, Callback callback) =>
        Watch(options ?? new WatchOptions(), HandleOf(callback), null);

    /// <summary>Forgets how far the watches of a name have got: the next one begins anew.</summary>
    /// <param name="name">As in <see cref="WatchOptions.Name"/>.</param>
    public void ForgetWatch(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        scoped Utf8StringMarshaller.ManagedToUnmanagedIn text = default;
        try
        {
            text.FromManaged(name, stackalloc byte[0x100]);
            Status.Check(NativeMethods.WatchForget(Handle, text.ToUnmanaged()), NativeHandle);
        }
        finally
        {
            text.Free();
        }
        GC.KeepAlive(this);
    }

    /// <summary>Attaches a validator: the function is called on the writer's thread, under no lock.</summary>
    /// <param name="options">Which keys it sees, and how; null: all.</param>
    /// <param name="function">Accepts, refuses or amends.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    public Subscription Validate(ValidatorOptions? options, ValidateFunction function, [CallerFilePath] string file = "",
                                 [CallerLineNumber] int line = 0)
    {
        options ??= new ValidatorOptions();
        using var callback = Broker.Registrar.Register(Hook.Of(function), options.Label, file, line);
        return Validate(options, callback.Handle, callback.Released);
    }

    /// <summary>
    /// Attaches a registered callback as a validator: it gets row blocks and answers with nothing, or with a row block of
    /// what is to be committed; if it fails the write is refused.
    /// </summary>
    /// <param name="options">Which keys it sees, and how; null: all.</param>
    /// <param name="callback">The callback.</param>
    public Subscription Validate(ValidatorOptions? options, Callback callback) =>
        Validate(options ?? new ValidatorOptions(), HandleOf(callback), null);

    /// <summary>Replaces a key's value by what a function makes of it, as one step.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="function">Makes the value; called again if the key has changed meanwhile, 32 times at most.</param>
    /// <param name="options">What else to say.</param>
    /// <param name="file">Filled by the compiler.</param>
    /// <param name="line">Filled by the compiler.</param>
    /// <returns>The revision of the commit; of the store if nothing was written.</returns>
    public ulong Update(ReadOnlySpan<byte> key, UpdateFunction function, UpdateOptions? options = null,
                        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        options ??= UpdateOptions.Default;
        using var callback = Broker.Registrar.Register(Hook.Of(function, key.ToArray()), options.Label, file, line);
        return Update(key, callback, options);
    }

    /// <summary>
    /// As above, with a registered callback: it gets a row block of the key's row, and answers with a row block of one row
    /// of that key, or with nothing.
    /// </summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="callback">The callback.</param>
    /// <param name="options">What else to say.</param>
    /// <returns>The revision of the commit; of the store if nothing was written.</returns>
    public ulong Update(ReadOnlySpan<byte> key, Callback callback, UpdateOptions? options = null)
    {
        options ??= UpdateOptions.Default;
        var native = new NativeUpdateOptions
        {
            StructSize = (uint)sizeof(NativeUpdateOptions),
            Flags = NativeWriteOptions.FlagsOf(options.Durability),
            Callback = HandleOf(callback),
            TimeoutMs = MillisecondsOr0(options.Timeout),
        };
        ulong revision;
        fixed (byte* keyData = key)
            Status.Check(NativeMethods.StoreUpdate(Handle, keyData, (ulong)key.Length, &native, &revision), NativeHandle);
        GC.KeepAlive(callback);
        GC.KeepAlive(this);
        return revision;
    }

    private Subscription Watch(WatchOptions options, ulong callback, Task? released)
    {
        scoped Utf8StringMarshaller.ManagedToUnmanagedIn name = default;
        try
        {
            name.FromManaged(options.Name, stackalloc byte[0x100]);
            fixed (byte* prefix = options.Prefix.Span, start = options.Range.Start.Span, end = options.Range.End.Span)
            {
                var native = new NativeWatchOptions
                {
                    StructSize = (uint)sizeof(NativeWatchOptions),
                    Flags = (options.OldValues ? NativeWatchOptions.OldValues : 0) |
                            (options.StateFirst ? NativeWatchOptions.StateFirst : 0),
                    Prefix = prefix,
                    PrefixSize = (ulong)options.Prefix.Length,
                    FromRevision = options.FromRevision,
                    Callback = callback,
                    Start = start,
                    StartSize = (ulong)options.Range.Start.Length,
                    End = end,
                    EndSize = (ulong)options.Range.End.Length,
                    Name = name.ToUnmanaged(),
                    LagLimit = options.LagLimit,
                };
                ulong subscription;
                Status.Check(NativeMethods.WatchAttach(Handle, &native, &subscription), NativeHandle);
                return new Subscription(subscription, released, this);
            }
        }
        finally
        {
            name.Free();
        }
    }

    private Subscription Validate(ValidatorOptions options, ulong callback, Task? released)
    {
        fixed (byte* prefix = options.Prefix.Span)
        {
            var native = new NativeValidatorOptions
            {
                StructSize = (uint)sizeof(NativeValidatorOptions),
                Flags = (options.OldValues ? NativeValidatorOptions.OldValues : 0) |
                        (options.FailOpen ? NativeValidatorOptions.FailOpen : 0),
                Prefix = prefix,
                PrefixSize = (ulong)options.Prefix.Length,
                Callback = callback,
                TimeoutMs = MillisecondsOr0(options.Timeout),
                Priority = options.Priority,
            };
            ulong subscription;
            Status.Check(NativeMethods.ValidatorAttach(Handle, &native, &subscription), NativeHandle);
            return new Subscription(subscription, released, this);
        }
    }

    private static ulong HandleOf(Callback callback)
    {
        ArgumentNullException.ThrowIfNull(callback);
        ObjectDisposedException.ThrowIf(callback.IsClosed, callback);
        return callback.Handle;
    }

    /// <summary>0 stands for the library's default, so a timeout of nothing is the shortest there is.</summary>
    private static ulong MillisecondsOr0(TimeSpan? timeout) =>
        timeout is { } time ? Math.Max(1, Status.Milliseconds(time)) : 0;
}
