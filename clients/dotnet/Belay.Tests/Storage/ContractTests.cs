// The contract of IStore, in this process.
using Belay.StoreContract;

namespace Belay.Tests;

public sealed class DataContractTests() : DataContract(new InProcessDoor());

public sealed class HookContractTests() : HookContract(new InProcessDoor());

public sealed class WatchContractTests() : WatchContract(new InProcessDoor());

public sealed class CareContractTests() : CareContract(new InProcessDoor());

internal sealed class InProcessDoor : IStoreDoor
{
    private readonly TemporaryFolder _folder = new();
    private readonly TestBroker _test;

    internal InProcessDoor() =>
        _test = new TestBroker(new BrokerOptions { Name = "contract", StorePath = _folder.Path, Log = (_, _) => { } });

    public Task<IStore> OpenAsync() => Task.FromResult<IStore>(_test.Broker.Store);

    public string NewDestination() => Path.Combine(_folder.Path, "backup");

    public ValueTask DisposeAsync()
    {
        _test.Dispose();
        _folder.Dispose();
        return default;
    }
}
