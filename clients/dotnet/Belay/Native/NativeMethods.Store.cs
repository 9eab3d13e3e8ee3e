// The functions of store.h and hooks.h.
//
// Invariants: names and parameters follow the headers; what a function promises stands there and is not repeated here.
// Thread safety: as the headers say: any thread; a cursor and a batch one at a time.
using System.Runtime.InteropServices;

namespace Belay.Native;

internal static unsafe partial class NativeMethods
{
    [LibraryImport(Library, EntryPoint = "belay_store_open")]
    internal static partial int StoreOpen(ulong broker, ulong* store);

    [LibraryImport(Library, EntryPoint = "belay_keyspace_open")]
    internal static partial int KeyspaceOpen(ulong store, byte* name, uint flags, ulong* keyspace);

    [LibraryImport(Library, EntryPoint = "belay_keyspace_drop")]
    internal static partial int KeyspaceDrop(ulong store, byte* name);

    [LibraryImport(Library, EntryPoint = "belay_keyspace_list")]
    internal static partial int KeyspaceList(ulong store, NativeKeyspaceInfo* infos, ulong capacity, ulong* count);

    [LibraryImport(Library, EntryPoint = "belay_store_snapshot")]
    internal static partial int StoreSnapshot(ulong store, ulong* snapshot);

    [LibraryImport(Library, EntryPoint = "belay_store_revision")]
    internal static partial int StoreRevision(ulong store, ulong* current, ulong* oldest);

    [LibraryImport(Library, EntryPoint = "belay_store_get")]
    internal static partial int StoreGet(ulong store, void* key, ulong keySize, void* buffer, ulong capacity,
                                         ulong* valueSize, ulong* revision);

    [LibraryImport(Library, EntryPoint = "belay_store_key_info")]
    internal static partial int StoreKeyInfo(ulong store, void* key, ulong keySize, NativeKeyInfo* info);

    [LibraryImport(Library, EntryPoint = "belay_store_get_many")]
    internal static partial int StoreGetMany(ulong store, NativeBytes* keys, ulong count, void* buffer, ulong capacity,
                                             ulong* size);

    [LibraryImport(Library, EntryPoint = "belay_store_scan")]
    internal static partial int StoreScan(ulong store, NativeScanOptions* options, ulong* cursor);

    [LibraryImport(Library, EntryPoint = "belay_cursor_next")]
    internal static partial int CursorNext(ulong cursor, void* buffer, ulong capacity, ulong* size);

    [LibraryImport(Library, EntryPoint = "belay_store_count")]
    internal static partial int StoreCount(ulong store, void* start, ulong startSize, void* end, ulong endSize,
                                           ulong* count);

    [LibraryImport(Library, EntryPoint = "belay_store_estimate")]
    internal static partial int StoreEstimate(ulong store, void* start, ulong startSize, void* end, ulong endSize,
                                              ulong* keys, ulong* sizeBytes);

    [LibraryImport(Library, EntryPoint = "belay_store_put")]
    internal static partial int StorePut(ulong store, void* key, ulong keySize, void* value, ulong valueSize,
                                         NativeWriteOptions* options, ulong* revision);

    [LibraryImport(Library, EntryPoint = "belay_store_delete")]
    internal static partial int StoreDelete(ulong store, void* key, ulong keySize, NativeWriteOptions* options,
                                            ulong* revision);

    [LibraryImport(Library, EntryPoint = "belay_store_delete_range")]
    internal static partial int StoreDeleteRange(ulong store, void* start, ulong startSize, void* end, ulong endSize,
                                                 NativeWriteOptions* options, ulong* count, ulong* revision);

    [LibraryImport(Library, EntryPoint = "belay_store_flush")]
    internal static partial int StoreFlush(ulong store);

    [LibraryImport(Library, EntryPoint = "belay_store_merge", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int StoreMerge(ulong store, void* key, ulong keySize, string operatorName, void* operand,
                                           ulong operandSize, NativeWriteOptions* options, ulong* revision);

    [LibraryImport(Library, EntryPoint = "belay_batch_open")]
    internal static partial int BatchOpen(ulong store, ulong* batch);

    [LibraryImport(Library, EntryPoint = "belay_batch_put")]
    internal static partial int BatchPut(ulong batch, void* key, ulong keySize, void* value, ulong valueSize,
                                         NativeWriteOptions* options);

    [LibraryImport(Library, EntryPoint = "belay_batch_delete")]
    internal static partial int BatchDelete(ulong batch, void* key, ulong keySize, NativeWriteOptions* options);

    [LibraryImport(Library, EntryPoint = "belay_batch_delete_range")]
    internal static partial int BatchDeleteRange(ulong batch, void* start, ulong startSize, void* end, ulong endSize);

    [LibraryImport(Library, EntryPoint = "belay_batch_merge", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int BatchMerge(ulong batch, void* key, ulong keySize, string operatorName, void* operand,
                                           ulong operandSize, NativeWriteOptions* options);

    [LibraryImport(Library, EntryPoint = "belay_batch_check")]
    internal static partial int BatchCheck(ulong batch, void* key, ulong keySize, NativeWriteOptions* options);

    [LibraryImport(Library, EntryPoint = "belay_batch_commit")]
    internal static partial int BatchCommit(ulong batch, NativeWriteOptions* options, ulong* revision);

    [LibraryImport(Library, EntryPoint = "belay_store_health")]
    internal static partial int StoreHealth(ulong store);

    [LibraryImport(Library, EntryPoint = "belay_store_recover")]
    internal static partial int StoreRecover(ulong store);

    [LibraryImport(Library, EntryPoint = "belay_store_trim_history")]
    internal static partial int StoreTrimHistory(ulong store, ulong beforeRevision);

    [LibraryImport(Library, EntryPoint = "belay_store_compact")]
    internal static partial int StoreCompact(ulong store, void* start, ulong startSize, void* end, ulong endSize);

    [LibraryImport(Library, EntryPoint = "belay_store_backup")]
    internal static partial int StoreBackup(ulong store, byte* path);

    [LibraryImport(Library, EntryPoint = "belay_store_verify")]
    internal static partial int StoreVerify(ulong store, delegate* unmanaged[Cdecl]<nint, ulong, ulong, int> progress,
                                            nint context);

    [LibraryImport(Library, EntryPoint = "belay_store_statistics")]
    internal static partial int StoreStatistics(ulong store, NativeStatistic* statistics, ulong capacity, ulong* count);

    [LibraryImport(Library, EntryPoint = "belay_watch_attach")]
    internal static partial int WatchAttach(ulong store, NativeWatchOptions* options, ulong* subscription);

    [LibraryImport(Library, EntryPoint = "belay_watch_forget")]
    internal static partial int WatchForget(ulong store, byte* name);

    [LibraryImport(Library, EntryPoint = "belay_validator_attach")]
    internal static partial int ValidatorAttach(ulong store, NativeValidatorOptions* options, ulong* subscription);

    [LibraryImport(Library, EntryPoint = "belay_store_update")]
    internal static partial int StoreUpdate(ulong store, void* key, ulong keySize, NativeUpdateOptions* options,
                                            ulong* revision);
}
