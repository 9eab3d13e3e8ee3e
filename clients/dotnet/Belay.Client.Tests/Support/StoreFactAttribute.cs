// Marks the tests of the store's contract: through the gRPC door they need a belayd.
using Belay.Client.Tests.Support;

namespace Belay.StoreContract;

[AttributeUsage(AttributeTargets.Method)]
public sealed class StoreFactAttribute : BelaydFactAttribute;
