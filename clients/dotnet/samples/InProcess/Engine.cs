// engine.h for C#: the P/Invoke half of somebody else's library.
//
// Thread safety: as in engine.h.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace Belay.Samples.InProcess;

/// <summary>A native engine that stores functions and calls them from a thread of its own.</summary>
internal sealed partial class Engine : SafeHandle
{
    private const string Library = "libengine.so";

    static Engine() => NativeLibrary.SetDllImportResolver(typeof(Engine).Assembly, (name, assembly, path) =>
        name == Library && Environment.GetEnvironmentVariable("BELAY_SAMPLE_ENGINE") is { Length: > 0 } file
            ? NativeLibrary.Load(file)
            : 0);

    public Engine() : base(0, true) => SetHandle(Start());

    public override bool IsInvalid => handle == 0;

    public void StoreTransform(Callback callback) => Check(StoreTransform(handle, callback.Handle));

    public void StoreListener(Callback callback) => Check(StoreListener(handle, callback.Handle));

    public void Run(long last) => Run(handle, last);

    public long Wait() => Wait(handle);

    public void LetGo() => LetGo(handle);

    protected override bool ReleaseHandle()
    {
        Stop(handle);
        return true;
    }

    private static void Check(int status)
    {
        if (status != 0)
            throw new InvalidOperationException($"the engine could not store the function: {(BelayStatus)status}");
    }

    [LibraryImport(Library, EntryPoint = "engine_start")]
    private static partial nint Start();

    [LibraryImport(Library, EntryPoint = "engine_store_transform")]
    private static partial int StoreTransform(nint engine, ulong callback);

    [LibraryImport(Library, EntryPoint = "engine_store_listener")]
    private static partial int StoreListener(nint engine, ulong callback);

    [LibraryImport(Library, EntryPoint = "engine_run")]
    private static partial void Run(nint engine, long last);

    [LibraryImport(Library, EntryPoint = "engine_wait")]
    private static partial long Wait(nint engine);

    [LibraryImport(Library, EntryPoint = "engine_let_go")]
    private static partial void LetGo(nint engine);

    [LibraryImport(Library, EntryPoint = "engine_stop")]
    private static partial void Stop(nint engine);
}
