// Finds libbelay.so.0: where BELAY_LIBRARY says, else beside this assembly, else where the system's loader looks.
//
// Invariants: BELAY_LIBRARY, when set, is the only place asked; a library that cannot be loaded is a
// DllNotFoundException that says what was tried and what to do.
// Thread safety: Install() runs once, from a static constructor; the resolver may run on any thread.
using System.Reflection;
using System.Runtime.InteropServices;

namespace Belay.Native;

internal static class LibraryResolver
{
    internal const string Name = "libbelay.so.0";
    internal const string Variable = "BELAY_LIBRARY";

    /// <summary>The interface version (BELAY_ABI_VERSION) that this assembly was written for.</summary>
    internal const uint AbiVersion = 1;

    internal static void Install() => NativeLibrary.SetDllImportResolver(typeof(LibraryResolver).Assembly, Resolve);

    /// <summary>Loads the library by the rule above.</summary>
    /// <param name="configured">The value of BELAY_LIBRARY; null or empty: not set.</param>
    /// <param name="folder">The assembly's folder; empty where it has none (single file).</param>
    internal static nint Load(string? configured, string folder, Assembly assembly)
    {
        if (!string.IsNullOrEmpty(configured))
        {
            try
            {
                return NativeLibrary.Load(configured);
            }
            catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
            {
                throw new DllNotFoundException(
                    $"{Variable} names '{configured}', which cannot be loaded: {exception.Message} " +
                    $"Let {Variable} name a {Name} built for this machine, or unset it.", exception);
            }
        }
        var beside = Path.Combine(folder, Name);
        if (folder.Length > 0 && NativeLibrary.TryLoad(beside, out var library))
            return library;
        if (NativeLibrary.TryLoad(Name, assembly, null, out library))
            return library;
        throw new DllNotFoundException(
            $"{Name} was not found, neither as '{beside}' nor by the system's loader. Build it " +
            $"(bazel build //capi:libbelay.so.0) and let {Variable} name the file, or put it beside the program.");
    }

    /// <summary>Refuses a library that is older than this assembly.</summary>
    internal static void Require(uint loaded)
    {
        if (loaded < AbiVersion)
        {
            throw new BelayException(BelayStatus.FailedPrecondition, "ABI_TOO_OLD",
                $"{Name} has interface version {loaded}, this assembly needs {AbiVersion}: install a newer library");
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath) =>
        name == Name ? Load(Environment.GetEnvironmentVariable(Variable), AppContext.BaseDirectory, assembly) : 0;
}
