// Pages through the broker's live handles.
//
// Thread safety: stateless.
using System.Runtime.CompilerServices;
using Belay.Client.Grpc;
using Belay.Client.Session;

namespace Belay.Client;

/// <summary>The admin door's listing.</summary>
internal static class HandleListing
{
    /// <summary>All live handles of the broker, whoever holds them. Needs the right to administer.</summary>
    public static async IAsyncEnumerable<HandleInfo> ListAsync(
        IGrpcChannel channel, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new Wire.ListHandlesRequest();
        do
        {
            Wire.ListHandlesResponse page;
            try
            {
                page = await channel.UnaryAsync(WireMethods.ListHandles, request, default, cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (GrpcException e)
            {
                throw WireStatus.OfGrpc(e);
            }

            foreach (var handle in page.Handles)
                yield return From(handle);
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken != 0);
    }

    private static HandleInfo From(Wire.HandleInfo handle) => new()
    {
        Handle = handle.Handle,
        Kind = Enum.TryParse<HandleKind>(handle.Kind, ignoreCase: true, out var kind) ? kind : HandleKind.Unknown,
        State = Enum.TryParse<CallbackState>(handle.State, ignoreCase: true, out var state)
            ? state
            : CallbackState.None,
        Rights = (CallbackRights)handle.Rights,
        Owner = handle.Owner,
        Holder = handle.Holder,
        Label = handle.Label,
        Site = handle.Site,
        Signature = handle.Signature,
        Name = handle.Name,
        References = handle.References,
        Pins = handle.Pins,
        InFlight = handle.InFlight,
        Calls = handle.Calls,
        Failures = handle.Failures,
        Created = DateTimeOffset.UnixEpoch.AddTicks(handle.CreatedUnixNs / 100),
        Age = TimeSpan.FromTicks(handle.AgeNs / 100),
    };
}
