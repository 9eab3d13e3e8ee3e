// Callbacks that run one after another, on the broker's threads.
//
// Invariants: of all that runs on a strand one thing runs at a time, in the order of the calls.
// Thread safety: every member may be called from any thread.
using Belay.Native;

namespace Belay;

/// <summary>Runs callbacks one after another; see <see cref="CallbackOptions.Executor"/>.</summary>
public sealed class Strand : CallbackExecutor
{
    private readonly ObjectHandle _handle;

    internal Strand(ulong handle) => _handle = new ObjectHandle(handle);

    /// <inheritdoc/>
    public override ulong Handle => _handle.Value;

    /// <inheritdoc/>
    public override void Dispose() => _handle.Dispose();
}
