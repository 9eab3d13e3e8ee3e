// belay.h's functions; NativeMethods.Store.cs has store.h's and hooks.h's. Every signature is blittable: nothing is
// marshalled, a call is a call.
//
// Invariants: names and parameters follow belay.h; what a function promises stands there and is not repeated here.
// Thread safety: as belay.h says: any thread.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]
// Locals are written before they are read; clearing stack buffers would cost more than the calls.
[module: SkipLocalsInit]

namespace Belay.Native;

internal static unsafe partial class NativeMethods
{
    private const string Library = LibraryResolver.Name;

    // Before the first call of any function below.
    static NativeMethods() => LibraryResolver.Install();

    [LibraryImport(Library, EntryPoint = "belay_abi_version")]
    internal static partial uint AbiVersion();

    [LibraryImport(Library, EntryPoint = "belay_version")]
    internal static partial byte* Version();

    [LibraryImport(Library, EntryPoint = "belay_last_error")]
    internal static partial int LastError(NativeError* error);

    [LibraryImport(Library, EntryPoint = "belay_release")]
    internal static partial int Release(ulong handle);

    [LibraryImport(Library, EntryPoint = "belay_open")]
    internal static partial int Open(NativeBrokerOptions* options, ulong* broker);

    [LibraryImport(Library, EntryPoint = "belay_close")]
    internal static partial int Close(ulong broker, ulong timeoutMs);

    [LibraryImport(Library, EntryPoint = "belay_owner_open")]
    internal static partial int OwnerOpen(ulong broker, byte* name, ulong* owner);

    [LibraryImport(Library, EntryPoint = "belay_owner_close")]
    internal static partial int OwnerClose(ulong owner);

    [LibraryImport(Library, EntryPoint = "belay_queue_open")]
    internal static partial int QueueOpen(ulong owner, NativeExecutorOptions* options, ulong* queue);

    [LibraryImport(Library, EntryPoint = "belay_queue_run")]
    internal static partial int QueueRun(ulong queue, ulong maxEvents, ulong timeoutMs, ulong* count);

    [LibraryImport(Library, EntryPoint = "belay_queue_interrupt")]
    internal static partial int QueueInterrupt(ulong queue);

    [LibraryImport(Library, EntryPoint = "belay_strand_open")]
    internal static partial int StrandOpen(ulong owner, NativeExecutorOptions* options, ulong* strand);

    [LibraryImport(Library, EntryPoint = "belay_register")]
    internal static partial int Register(ulong owner, NativeCallbackOptions* options, ulong* callback);

    [LibraryImport(Library, EntryPoint = "belay_retain")]
    internal static partial int Retain(ulong callback, ulong holder, uint rights, ulong* retained);

    [LibraryImport(Library, EntryPoint = "belay_unregister")]
    internal static partial int Unregister(ulong callback);

    [LibraryImport(Library, EntryPoint = "belay_drain")]
    internal static partial int Drain(ulong callback, ulong timeoutMs);

    [LibraryImport(Library, EntryPoint = "belay_drain_notify")]
    internal static partial int DrainNotify(ulong callback, delegate* unmanaged[Cdecl]<nint, void> notify, nint context);

    [LibraryImport(Library, EntryPoint = "belay_invoke")]
    internal static partial int Invoke(ulong callback, NativeCall* call);

    [LibraryImport(Library, EntryPoint = "belay_call_reply")]
    internal static partial int CallReply(NativeCall* call, void* data, ulong size);

    [LibraryImport(Library, EntryPoint = "belay_call_fail")]
    internal static partial int CallFail(NativeCall* call, byte* message);

    [LibraryImport(Library, EntryPoint = "belay_call_take")]
    internal static partial int CallTake(NativeCall* call, void* buffer, ulong capacity);

    [LibraryImport(Library, EntryPoint = "belay_pin")]
    internal static partial int Pin(ulong callback, byte* signature, NativePinInfo* info);

    [LibraryImport(Library, EntryPoint = "belay_unpin")]
    internal static partial int Unpin(ulong pin);

    [LibraryImport(Library, EntryPoint = "belay_describe")]
    internal static partial int Describe(ulong handle, NativeHandleInfo* info);

    [LibraryImport(Library, EntryPoint = "belay_list")]
    internal static partial int List(ulong broker, ulong* after, NativeHandleInfo* infos, ulong capacity, ulong* count);
}
