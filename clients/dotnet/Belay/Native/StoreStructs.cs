// The structs of store.h and hooks.h, field for field.
//
// Invariants: as in NativeStructs.cs.
// Thread safety: plain data.
using System.Runtime.InteropServices;

namespace Belay.Native;

/// <summary><c>belay_keyspace_info</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeKeyspaceInfo
{
    public const uint Create = 1; // Of belay_keyspace_open.
    public const int NameSize = 136;

    public uint StructSize;
    public uint Id;
    public fixed byte Name[NameSize];
}

/// <summary><c>belay_key_info</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeKeyInfo
{
    public uint StructSize;
    public uint Reserved;
    public ulong ValueSize;
    public ulong CreateRevision;
    public ulong ModRevision;
    public ulong Version;
    public long ExpiresAtMs;
}

/// <summary><c>belay_bytes</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeBytes
{
    public void* Data;
    public ulong Size;
}

/// <summary><c>belay_scan_options</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeScanOptions
{
    public const uint Reverse = 1, KeysOnly = 2;

    public uint StructSize;
    public uint Flags;
    public void* Start;
    public ulong StartSize;
    public void* End;
    public ulong EndSize;
    public void* Prefix;
    public ulong PrefixSize;
    public ulong Limit;
    public ulong Filter;
    public ulong Projection;
}

/// <summary><c>belay_write_options</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeWriteOptions
{
    public const uint Async = 1, IfAbsent = 2, ByRevision = 4, ByValue = 8;

    public uint StructSize;
    public uint Flags;
    public ulong IfRevision;
    public void* IfValue;
    public ulong IfValueSize;
    public ulong TtlMs;

    /// <param name="options">What to say.</param>
    /// <param name="expected">The value of the condition, pinned.</param>
    internal static NativeWriteOptions Of(WriteOptions options, byte* expected) => new()
    {
        StructSize = (uint)sizeof(NativeWriteOptions),
        Flags = FlagsOf(options.Durability) | options.If.Kind switch
        {
            PreconditionKind.Absent => IfAbsent,
            PreconditionKind.Revision => ByRevision,
            PreconditionKind.Value => ByValue,
            _ => 0,
        },
        IfRevision = options.If.ExpectedRevision,
        IfValue = expected,
        IfValueSize = (ulong)options.If.ExpectedValue.Length,
        TtlMs = options.TimeToLiveMs,
    };

    internal static NativeWriteOptions Of(Durability durability) =>
        new() { StructSize = (uint)sizeof(NativeWriteOptions), Flags = FlagsOf(durability) };

    internal static uint FlagsOf(Durability durability) => durability == Durability.Async ? Async : 0;
}

/// <summary><c>belay_statistic</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeStatistic
{
    public const int NameSize = 48;

    public uint StructSize;
    public uint Reserved;
    public ulong Value;
    public fixed byte Name[NameSize];
}

/// <summary><c>belay_watch_options</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeWatchOptions
{
    public const uint OldValues = 1, StateFirst = 2;

    public uint StructSize;
    public uint Flags;
    public void* Prefix;
    public ulong PrefixSize;
    public ulong FromRevision;
    public ulong Callback;
    public void* Start;
    public ulong StartSize;
    public void* End;
    public ulong EndSize;
    public byte* Name;
    public ulong LagLimit;
}

/// <summary><c>belay_validator_options</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeValidatorOptions
{
    public const uint OldValues = 1, FailOpen = 2;

    public uint StructSize;
    public uint Flags;
    public void* Prefix;
    public ulong PrefixSize;
    public ulong Callback;
    public ulong TimeoutMs;
    public int Priority;
    public uint Reserved;
}

/// <summary><c>belay_update_options</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeUpdateOptions
{
    public uint StructSize;
    public uint Flags;
    public ulong Callback;
    public ulong TimeoutMs;
}
