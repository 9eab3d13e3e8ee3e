// The structs of belay.h, field for field, under their C names' meaning.
//
// Invariants: blittable; `StructSize` is set to the size compiled here, so that an older or newer library works with it.
// Thread safety: plain data.
using System.Runtime.InteropServices;

namespace Belay.Native;

/// <summary><c>belay_error</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeError
{
    public uint StructSize;
    public int Status;
    public byte* Reason;
    public byte* Message;
}

/// <summary><c>belay_broker_options</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeBrokerOptions
{
    public uint StructSize;
    public uint Reserved;
    public byte* Name;
    public byte* StorePath;
    public delegate* unmanaged[Cdecl]<void*, int, byte*, void> Log;
    public void* LogContext;
    public uint Tombstones;
    public uint Events;
    public int Misuse;
    public uint Reserved2;
    public ulong StuckAfterMs;
    public ulong HistoryBytes;
    public ulong HistoryRevisions;
    public ulong HistoryAgeMs;
    public ulong StoreCacheBytes;
    public ulong StoreBufferBytes;
    public uint StoreJobs;
    public uint StoreBloomBits;
    public uint StoreFlags;
    public uint Reserved3;
}

/// <summary><c>belay_call</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeCall
{
    public uint StructSize;
    public uint Flags;
    public void* Request;
    public ulong RequestSize;
    public void* Reply;
    public ulong ReplyCapacity;
    public ulong ReplySize;
    public long DeadlineNs;
    public ulong TraceHigh;
    public ulong TraceLow;
    public ulong Caller;
    public void* Kept;
}

/// <summary><c>belay_executor_options</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeExecutorOptions
{
    public uint StructSize;
    public uint Reserved;
    public byte* Name;
    public ulong MaxCalls;
    public ulong MaxBytes;
}

/// <summary><c>belay_callback_options</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeCallbackOptions
{
    public uint StructSize;
    public uint Flags;
    public delegate* unmanaged[Cdecl]<nint, NativeCall*, int> Callback;
    public nint Context;
    public delegate* unmanaged[Cdecl]<nint, void> Release;
    public byte* Label;
    public byte* Site;
    public byte* Signature;
    public void* Typed;
    public ulong Executor;
    public uint MaxConcurrency;
    public uint Reserved;
}

/// <summary><c>belay_pin_info</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativePinInfo
{
    public uint StructSize;
    public uint Reserved;
    public ulong Pin;
    public nint Function;
    public nint Context;
}

/// <summary><c>belay_handle_info</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeHandleInfo
{
    public const int TextSize = 256;
    public const int SignatureSize = 64;

    public uint StructSize;
    public int Kind;
    public ulong Handle;
    public ulong Owner;
    public ulong Holder;
    public int State;
    public uint Rights;
    public ulong References;
    public ulong Pins;
    public ulong InFlight;
    public ulong Calls;
    public ulong Failures;
    public long CreatedUnixNs;
    public long AgeNs;
    public fixed byte OwnerName[TextSize];
    public fixed byte HolderName[TextSize];
    public fixed byte Label[TextSize];
    public fixed byte Site[TextSize];
    public fixed byte Signature[SignatureSize];
    public long LongestRunningNs;
    public ulong Stuck;
}
