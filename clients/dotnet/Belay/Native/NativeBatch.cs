// A batch of the library's, for as long as it takes to commit one of the program's.
//
// Invariants: released by Dispose, whatever became of it.
// Thread safety: one thread.
namespace Belay.Native;

internal readonly unsafe ref struct NativeBatch
{
    private readonly ulong _handle;

    private NativeBatch(ulong handle) => _handle = handle;

    internal static NativeBatch Open(ObjectHandle store)
    {
        ulong handle;
        Status.Check(NativeMethods.BatchOpen(store.Value, &handle), store);
        return new NativeBatch(handle);
    }

    internal void Add(in BatchOperation operation)
    {
        fixed (byte* key = operation.Key, value = operation.Value, expected = operation.Options.If.ExpectedValue.Span)
        {
            var options = NativeWriteOptions.Of(operation.Options, expected);
            ulong keySize = (ulong)operation.Key.Length, valueSize = (ulong)operation.Value.Length;
            Status.Check(operation.Kind switch
            {
                BatchOperationKind.Put => NativeMethods.BatchPut(_handle, key, keySize, value, valueSize, &options),
                BatchOperationKind.Delete => NativeMethods.BatchDelete(_handle, key, keySize, &options),
                BatchOperationKind.DeleteRange => NativeMethods.BatchDeleteRange(_handle, key, keySize, value, valueSize),
                BatchOperationKind.Merge => NativeMethods.BatchMerge(_handle, key, keySize, operation.OperatorName, value,
                                                                     valueSize, &options),
                _ => NativeMethods.BatchCheck(_handle, key, keySize, &options),
            });
        }
    }

    internal ulong Commit(Durability durability)
    {
        var options = NativeWriteOptions.Of(durability);
        ulong revision;
        Status.Check(NativeMethods.BatchCommit(_handle, &options, &revision));
        return revision;
    }

    public void Dispose() => _ = NativeMethods.Release(_handle);
}
