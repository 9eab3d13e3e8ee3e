// What of the broker's store calls back into this process, beside filters: watches, validators and updates.
//
// Invariants: a function given as a delegate lives exactly as long as its subscription, or as the update takes: the
// broker holds the only handle to it that remains. A RemoteCallback is its owner's; the broker holds one of its own.
// Thread safety: every member from any thread.
using Google.Protobuf;

namespace Belay.Client;

public sealed partial class RemoteStore
{
    /// <inheritdoc/>
    public async ValueTask<ISubscription> WatchAsync(
        WatchOptions? options, WatchFunction function, CancellationToken cancellationToken = default)
    {
        options ??= new WatchOptions();
        // The watch holds a handle of its own to the callback; ours is only for the attaching.
        await using var callback = await Door.Client.RegisterWatchAsync(
            function, new CallbackOptions { Label = options.Label }, cancellationToken, file: "").ConfigureAwait(false);
        return await AttachAsync(options, callback, callback.Released, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Attaches a watch with a callback that this client registered or found, and that lives on without
    /// it.</summary>
    /// <param name="options">Which keys, from which revision; null: all changes from now on.</param>
    /// <param name="callback">Gets row blocks.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    /// <returns>The watch.</returns>
    public ValueTask<RemoteSubscription> WatchAsync(
        WatchOptions? options, RemoteCallback callback, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(callback);
        return AttachAsync(options ?? new WatchOptions(), callback, null, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask ForgetWatchAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        await Door.Client.Session.SendAsync(
            id => new() { ForgetWatch = new() { RequestId = id, Name = name, Keyspace = Keyspace } },
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<ISubscription> ValidateAsync(
        ValidatorOptions? options, ValidateFunction function, CancellationToken cancellationToken = default)
    {
        options ??= new ValidatorOptions();
        await using var callback = await Door.Client.RegisterHookAsync(
            Hook.Of(function), new CallbackOptions { Label = options.Label }, cancellationToken).ConfigureAwait(false);
        return await AttachAsync(options, callback, callback.Released, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Attaches a callback that this client registered or found as a validator: it gets row blocks and answers with
    /// nothing, or with a row block of what is to be committed; if it fails the write is refused.
    /// </summary>
    /// <param name="options">Which keys it sees, and how; null: all.</param>
    /// <param name="callback">The callback, which lives on without the validator.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker's answer.</param>
    /// <returns>The validator.</returns>
    public ValueTask<RemoteSubscription> ValidateAsync(
        ValidatorOptions? options, RemoteCallback callback, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(callback);
        return AttachAsync(options ?? new ValidatorOptions(), callback, null, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<ulong> UpdateAsync(
        ReadOnlyMemory<byte> key, UpdateFunction function, UpdateOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        options ??= UpdateOptions.Default;
        await using var callback = await Door.Client.RegisterHookAsync(
            Hook.Of(function, key.ToArray()), new CallbackOptions { Label = options.Label }, cancellationToken)
            .ConfigureAwait(false);
        return await UpdateAsync(key, callback, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Replaces a key's value by what a callback makes of it, as one step.</summary>
    /// <param name="key">1 byte to 64 KiB.</param>
    /// <param name="callback">Gets a row block of the key's row, and answers with a row block of one row of that key,
    /// or with nothing.</param>
    /// <param name="options">What else to say.</param>
    /// <param name="cancellationToken">Gives up waiting; the update may have happened.</param>
    /// <returns>The revision of the commit; of the store if nothing was written.</returns>
    public async ValueTask<ulong> UpdateAsync(
        ReadOnlyMemory<byte> key, RemoteCallback callback, UpdateOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(callback);
        options ??= UpdateOptions.Default;
        var request = new Wire.UpdateRequest
        {
            Key = ByteString.CopyFrom(key.Span),
            Durability = ToWire(options.Durability),
            TimeoutMs = MillisecondsOr0(options.Timeout),
            Keyspace = Keyspace,
        };
        var answer = await Door.WriteAsync(
            new() { Update = request, CallbackHandle = callback.LiveHandle() }, static r => (r.Update?.Status, r.Update),
            cancellationToken).ConfigureAwait(false);
        return answer!.Revision;
    }

    private async ValueTask<RemoteSubscription> AttachAsync(
        WatchOptions options, RemoteCallback callback, Task? released, CancellationToken cancellationToken)
    {
        var attach = new Wire.AttachWatch
        {
            Handle = callback.LiveHandle(),
            Prefix = ByteString.CopyFrom(options.Prefix.Span),
            Start = ByteString.CopyFrom(options.Range.Start.Span),
            End = ByteString.CopyFrom(options.Range.End.Span),
            FromRevision = options.FromRevision,
            StateFirst = options.StateFirst,
            OldValues = options.OldValues,
            Name = options.Name ?? string.Empty,
            LagLimit = options.LagLimit,
            Keyspace = Keyspace,
        };
        var reply = await Door.Client.Session.AttachAsync(
            id =>
            {
                attach.RequestId = id;
                return new() { AttachWatch = attach };
            },
            cancellationToken).ConfigureAwait(false);
        return new RemoteSubscription(Door.Client, reply.Handle, released);
    }

    private async ValueTask<RemoteSubscription> AttachAsync(
        ValidatorOptions options, RemoteCallback callback, Task? released, CancellationToken cancellationToken)
    {
        var attach = new Wire.AttachValidator
        {
            Handle = callback.LiveHandle(),
            Prefix = ByteString.CopyFrom(options.Prefix.Span),
            TimeoutMs = MillisecondsOr0(options.Timeout),
            Priority = options.Priority,
            OldValues = options.OldValues,
            FailOpen = options.FailOpen,
            Keyspace = Keyspace,
        };
        var reply = await Door.Client.Session.AttachAsync(
            id =>
            {
                attach.RequestId = id;
                return new() { AttachValidator = attach };
            },
            cancellationToken).ConfigureAwait(false);
        return new RemoteSubscription(Door.Client, reply.Handle, released);
    }

    /// <summary>0 stands for the broker's default, so a timeout of nothing is the shortest there is.</summary>
    private static uint MillisecondsOr0(TimeSpan? timeout)
    {
        if (timeout is not { } time)
            return 0;
        if (time == Timeout.InfiniteTimeSpan)
            return uint.MaxValue;
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero, nameof(timeout));
        return (uint)Math.Clamp(Math.Ceiling(time.TotalMilliseconds), 1, uint.MaxValue);
    }
}
