// The contract of IStore, through a real belayd.
using Belay.Client.Tests.Support;
using Belay.StoreContract;

namespace Belay.Client.Tests.Broker;

public sealed class DataContractTests(Belayd belayd) : DataContract(new GrpcDoor(belayd)), IClassFixture<Belayd>;

public sealed class HookContractTests(Belayd belayd) : HookContract(new GrpcDoor(belayd)), IClassFixture<Belayd>;

public sealed class WatchContractTests(Belayd belayd) : WatchContract(new GrpcDoor(belayd)), IClassFixture<Belayd>;

public sealed class CareContractTests(Belayd belayd) : CareContract(new GrpcDoor(belayd)), IClassFixture<Belayd>;

internal sealed class GrpcDoor(Belayd belayd) : IStoreDoor
{
    private static int _lastDestination;
    private BelayClient? _client;

    public async Task<IStore> OpenAsync()
    {
        _client = await belayd.ConnectAsync("contract");
        return _client.Store;
    }

    public string NewDestination() => $"backup{Interlocked.Increment(ref _lastDestination)}";

    public async ValueTask DisposeAsync()
    {
        Assert.Empty(await belayd.CallbacksOfAsync(_client!));
        await _client!.DisposeAsync();
    }
}
