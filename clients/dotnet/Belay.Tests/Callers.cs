// callers.h for C#: native threads that the runtime has never seen.
//
// Thread safety: as in callers.h.
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace Belay.Tests;

internal static unsafe partial class Callers
{
    private const string Library = "libcallers.so";
    private const string Variable = "BELAY_TEST_CALLERS";

    static Callers() => NativeLibrary.SetDllImportResolver(typeof(Callers).Assembly, Resolve);

    /// <summary>callers_totals</summary>
    internal struct Totals
    {
        public ulong Answered;
        public ulong Refused;
        public ulong Wrong;
        public int FirstWrongStatus;
        public uint Reserved;

        public override readonly string ToString() =>
            $"{Answered} answered, {Refused} refused, {Wrong} wrong ({(BelayStatus)FirstWrongStatus})";
    }

    internal static nint Start(ReadOnlySpan<ulong> handles, uint threads, ulong seed)
    {
        fixed (ulong* data = handles)
        {
            var callers = Start(data, (ulong)handles.Length, threads, seed);
            Assert.NotEqual(0, callers);
            return callers;
        }
    }

    internal static Totals Stop(nint callers)
    {
        Totals totals;
        Stop(callers, &totals);
        return totals;
    }

    internal static ulong Release(ReadOnlySpan<ulong> handles, uint threads)
    {
        fixed (ulong* data = handles)
            return Release(data, (ulong)handles.Length, threads);
    }

    /// <summary>One belay_invoke from a native thread.</summary>
    internal static BelayStatus Invoke(ulong callback, ReadOnlySpan<byte> request, Span<byte> reply, out ulong replySize)
    {
        ulong size;
        int status;
        fixed (byte* requestData = request, replyData = reply)
            status = Invoke(callback, requestData, (ulong)request.Length, replyData, (ulong)reply.Length, &size);
        replySize = size;
        return (BelayStatus)status;
    }

    internal static BelayStatus Sum(ulong callback, long times, out long sum)
    {
        long result = 0;
        var status = Sum(callback, times, &result);
        sum = result;
        return (BelayStatus)status;
    }

    internal static Callback RegisterEcho(ulong owner)
    {
        ulong callback;
        Assert.Equal(0, RegisterEcho(owner, &callback));
        return Callback.Adopt(callback);
    }

    /// <summary>Size and offset of the last field of each struct of belay.h, as C sees them.</summary>
    internal static (int Size, int LastOffset)[] Layout()
    {
        var pairs = stackalloc ulong[64];
        var layout = new (int, int)[Layout(pairs, 32)];
        for (var i = 0; i < layout.Length; i++)
            layout[i] = ((int)pairs[2 * i], (int)pairs[(2 * i) + 1]);
        return layout;
    }

    [LibraryImport(Library, EntryPoint = "callers_layout")]
    private static partial ulong Layout(ulong* pairs, ulong capacity);

    [LibraryImport(Library, EntryPoint = "callers_start")]
    private static partial nint Start(ulong* handles, ulong count, uint threads, ulong seed);

    [LibraryImport(Library, EntryPoint = "callers_await")]
    internal static partial void Await(nint callers, ulong calls);

    [LibraryImport(Library, EntryPoint = "callers_stop")]
    private static partial void Stop(nint callers, Totals* totals);

    [LibraryImport(Library, EntryPoint = "callers_release")]
    private static partial ulong Release(ulong* handles, ulong count, uint threads);

    [LibraryImport(Library, EntryPoint = "callers_invoke")]
    private static partial int Invoke(ulong callback, void* request, ulong requestSize, void* reply, ulong replyCapacity,
                                      ulong* replySize);

    [LibraryImport(Library, EntryPoint = "callers_sum")]
    private static partial int Sum(ulong callback, long times, long* sum);

    [LibraryImport(Library, EntryPoint = "outer_func")]
    internal static partial void OuterFunc(nint inner, nint context);

    [LibraryImport(Library, EntryPoint = "callers_direct")]
    internal static partial long Direct(nint function, nint context, long times);

    [LibraryImport(Library, EntryPoint = "callers_register_echo")]
    private static partial int RegisterEcho(ulong owner, ulong* callback);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Library)
            return 0;
        var file = Environment.GetEnvironmentVariable(Variable) ?? throw new DllNotFoundException(
            $"{Variable} must name {Library}: bazel build //clients/dotnet:{Library}");
        return NativeLibrary.Load(file);
    }
}
