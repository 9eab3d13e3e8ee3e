// Marks the tests of the store's contract: in this process they always run.
namespace Belay.StoreContract;

[AttributeUsage(AttributeTargets.Method)]
public sealed class StoreFactAttribute : FactAttribute;
