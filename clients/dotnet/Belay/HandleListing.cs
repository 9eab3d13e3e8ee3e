// belay_describe and belay_list, as HandleInfo.
//
// Invariants: a page of fewer entries than asked for is the last, so that a listing ends even while handles come and go.
// Thread safety: any thread.
using System.Runtime.InteropServices;
using System.Text;
using Belay.Native;

namespace Belay;

internal static unsafe class HandleListing
{
    private const int PageSize = 64;

    internal static HandleInfo Describe(ulong handle, SafeHandle? of = null)
    {
        NativeHandleInfo info;
        info.StructSize = (uint)sizeof(NativeHandleInfo);
        var status = NativeMethods.Describe(handle, &info);
        if (of != null)
            Status.Check(status, of);
        else
            Status.Check(status);
        return ToInfo(&info);
    }

    internal static List<HandleInfo> List(BrokerHandle broker)
    {
        var found = new List<HandleInfo>();
        var page = (NativeHandleInfo*)NativeMemory.AllocZeroed(PageSize, (nuint)sizeof(NativeHandleInfo));
        try
        {
            ulong after = 0, count;
            do
            {
                page[0].StructSize = (uint)sizeof(NativeHandleInfo);
                Status.Check(NativeMethods.List(broker.Value, &after, page, PageSize, &count), broker);
                for (ulong i = 0; i < count; i++)
                    found.Add(ToInfo(page + i));
            } while (count == PageSize);
        }
        finally
        {
            NativeMemory.Free(page);
        }
        return found;
    }

    private static HandleInfo ToInfo(NativeHandleInfo* info) => new()
    {
        Handle = info->Handle,
        Kind = (HandleKind)info->Kind,
        State = (CallbackState)info->State,
        Rights = (CallbackRights)info->Rights,
        OwnerHandle = info->Owner,
        HolderHandle = info->Holder,
        Owner = Text(info->OwnerName, NativeHandleInfo.TextSize),
        Holder = Text(info->HolderName, NativeHandleInfo.TextSize),
        Label = Text(info->Label, NativeHandleInfo.TextSize),
        Site = Text(info->Site, NativeHandleInfo.TextSize),
        Signature = Text(info->Signature, NativeHandleInfo.SignatureSize),
        References = info->References,
        Pins = info->Pins,
        InFlight = info->InFlight,
        Calls = info->Calls,
        Failures = info->Failures,
        Created = DateTimeOffset.UnixEpoch.AddTicks(info->CreatedUnixNs / 100),
        Age = TimeSpan.FromTicks(info->AgeNs / 100),
    };

    private static string Text(byte* text, int size)
    {
        var bytes = new ReadOnlySpan<byte>(text, size);
        var end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
