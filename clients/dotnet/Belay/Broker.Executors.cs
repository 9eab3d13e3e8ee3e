// Opening executors.
//
// Thread safety: every member may be called from any thread.
using System.Runtime.InteropServices.Marshalling;
using Belay.Native;

namespace Belay;

public sealed unsafe partial class Broker
{
    /// <summary>Opens a queue, whose calls the program runs itself.</summary>
    /// <param name="name">Shown in listings and errors; 1 to 255 bytes of UTF-8.</param>
    /// <param name="options">Its bounds; null: the defaults.</param>
    public QueueExecutor OpenQueue(string name, ExecutorOptions? options = null) =>
        new(OpenExecutor(name, options, &NativeMethods.QueueOpen));

    /// <summary>Opens a strand, whose calls run one after another on the broker's threads.</summary>
    /// <param name="name">Shown in listings and errors; 1 to 255 bytes of UTF-8.</param>
    /// <param name="options">Its bounds; null: the defaults.</param>
    public Strand OpenStrand(string name, ExecutorOptions? options = null) =>
        new(OpenExecutor(name, options, &NativeMethods.StrandOpen));

    private ulong OpenExecutor(
        string name, ExecutorOptions? options, delegate*<ulong, NativeExecutorOptions*, ulong*, int> open)
    {
        ArgumentNullException.ThrowIfNull(name);
        ThrowIfClosed();
        options ??= ExecutorOptions.Default;
        // To the library 0 stands for the default, so it cannot be asked for.
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MaxCalls ?? 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MaxBytes ?? 1, nameof(options));
        scoped Utf8StringMarshaller.ManagedToUnmanagedIn text = default;
        try
        {
            text.FromManaged(name, stackalloc byte[0x100]);
            var native = new NativeExecutorOptions
            {
                StructSize = (uint)sizeof(NativeExecutorOptions),
                Name = text.ToUnmanaged(),
                MaxCalls = (ulong)(options.MaxCalls ?? 0),
                MaxBytes = (ulong)(options.MaxBytes ?? 0),
            };
            ulong executor;
            Status.Check(open(Handle, &native, &executor), _handle);
            GC.KeepAlive(this);
            return executor;
        }
        finally
        {
            text.Free();
        }
    }
}
