// A batch's operations as messages.
//
// Thread safety: stateless.
using Google.Protobuf;

namespace Belay.Client.Session;

/// <summary>Turns operations of a batch into messages.</summary>
internal static class WireBatch
{
    /// <summary>The message for an operation.</summary>
    public static Wire.WriteOperation ToWire(BatchOperation operation)
    {
        var key = UnsafeByteOperations.UnsafeWrap(operation.Key); // The batch's own copy, which does not change.
        var value = UnsafeByteOperations.UnsafeWrap(operation.Value);
        var condition = operation.Options.If;
        return operation.Kind switch
        {
            BatchOperationKind.Put => new() { Put = ToPut(key, value, operation.Options) },
            BatchOperationKind.Delete => new() { Delete = ToDelete(key, condition) },
            BatchOperationKind.DeleteRange => new() { DeleteRange = new() { Start = key, End = value } },
            BatchOperationKind.Merge => new()
            {
                Merge = new()
                {
                    Key = key,
                    Operand = value,
                    OperatorName = operation.OperatorName,
                    TtlMs = operation.Options.TimeToLiveMs,
                },
            },
            _ => new() { Check = ToCheck(key, condition) },
        };
    }

    private static Wire.PutOperation ToPut(ByteString key, ByteString value, WriteOptions options)
    {
        var put = new Wire.PutOperation
        {
            Key = key,
            Value = value,
            TtlMs = options.TimeToLiveMs,
            IfAbsent = options.If.Kind == PreconditionKind.Absent,
            IfRevision = options.If.ExpectedRevision,
        };
        if (options.If.Kind == PreconditionKind.Value)
            put.IfValue = UnsafeByteOperations.UnsafeWrap(options.If.ExpectedValue);
        return put;
    }

    private static Wire.DeleteOperation ToDelete(ByteString key, Precondition condition)
    {
        var delete = new Wire.DeleteOperation { Key = key, IfRevision = condition.ExpectedRevision };
        if (condition.Kind == PreconditionKind.Value)
            delete.IfValue = UnsafeByteOperations.UnsafeWrap(condition.ExpectedValue);
        return delete;
    }

    private static Wire.CheckOperation ToCheck(ByteString key, Precondition condition)
    {
        var check = new Wire.CheckOperation
        {
            Key = key,
            IfAbsent = condition.Kind == PreconditionKind.Absent,
            IfRevision = condition.ExpectedRevision,
        };
        if (condition.Kind == PreconditionKind.Value)
            check.IfValue = UnsafeByteOperations.UnsafeWrap(condition.ExpectedValue);
        return check;
    }
}
