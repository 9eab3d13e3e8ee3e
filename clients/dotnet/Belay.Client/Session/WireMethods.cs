// The methods of belay.v1 that this client calls.
//
// Thread safety: immutable.
using Belay.Client.Grpc;

namespace Belay.Client.Session;

/// <summary>Names and parsers of the broker's methods. Fields that a newer broker adds are skipped.</summary>
internal static class WireMethods
{
    /// <summary>Opens a session.</summary>
    public static readonly GrpcMethod<Wire.ClientFrame, Wire.ServerFrame> Session =
        new("/belay.v1.Broker/Session", Wire.ServerFrame.Parser.WithDiscardUnknownFields(true));

    /// <summary>Scans without a filter of the session's.</summary>
    public static readonly GrpcMethod<Wire.ScanRequest, Wire.ScanResponse> Scan =
        new("/belay.v1.Storage/Scan", Wire.ScanResponse.Parser.WithDiscardUnknownFields(true));

    /// <summary>Gives space back to the disk.</summary>
    public static readonly GrpcMethod<Wire.CompactRequest, Wire.CompactResponse> Compact =
        new("/belay.v1.Storage/Compact", Wire.CompactResponse.Parser.WithDiscardUnknownFields(true));

    /// <summary>Makes a backup.</summary>
    public static readonly GrpcMethod<Wire.CheckpointRequest, Wire.CheckpointResponse> Checkpoint =
        new("/belay.v1.Storage/Checkpoint", Wire.CheckpointResponse.Parser.WithDiscardUnknownFields(true));

    /// <summary>Checks everything.</summary>
    public static readonly GrpcMethod<Wire.VerifyRequest, Wire.VerifyResponse> Verify =
        new("/belay.v1.Storage/Verify", Wire.VerifyResponse.Parser.WithDiscardUnknownFields(true));

    /// <summary>What the store tells of itself.</summary>
    public static readonly GrpcMethod<Wire.GetStoreStatsRequest, Wire.GetStoreStatsResponse> GetStoreStats =
        new("/belay.v1.Storage/GetStoreStats", Wire.GetStoreStatsResponse.Parser.WithDiscardUnknownFields(true));

    /// <summary>Lists live handles.</summary>
    public static readonly GrpcMethod<Wire.ListHandlesRequest, Wire.ListHandlesResponse> ListHandles =
        new("/belay.v1.Admin/ListHandles", Wire.ListHandlesResponse.Parser.WithDiscardUnknownFields(true));
}
