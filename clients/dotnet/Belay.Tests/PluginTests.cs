// Plugins: code that is loaded, registers callbacks, and is unloaded again.
//
// Invariants: this assembly is its own plugin, loaded once more into a context that can be unloaded; Belay itself is shared.
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using static Belay.Tests.Support;

namespace Belay.Tests;

public class PluginTests
{
    [Fact]
    public async Task R4_AnUnloadedPluginsCallbacksEndAndItsCodeIsGone()
    {
        using var test = new TestBroker();
        var (plugin, code, callbacks) = Load(test.Broker);
        Assert.Equal("from the plugin", Text(callbacks[0].Invoke([])));
        Unload(plugin);
        foreach (var callback in callbacks)
        {
            await callback.Released.OrHang();
            callback.Dispose();
        }
        for (var left = 100; plugin.IsAlive || code.IsAlive; left--)
        {
            Assert.True(left > 0, "the plugin is still loaded");
            CollectGarbage();
            await Task.Yield();
        }
    }

    [Fact]
    public async Task R7_AnOwnerIsClosedWhenItsCallsHaveReturned()
    {
        using var test = new TestBroker();
        using var entered = new ManualResetEventSlim();
        using var leave = new ManualResetEventSlim();
        var owner = test.Broker.OpenOwner("component");
        using var idle = owner.Register(Echo);
        using var busy = owner.Register((_, _, _) =>
        {
            entered.Set();
            leave.OrHang();
        });
        var call = Task.Run(() => busy.Invoke([]));
        entered.OrHang();
        var closed = owner.CloseAsync();
        await idle.Released.OrHang();
        Throws(BelayStatus.Stale, () => busy.Invoke([])); // The owner held the handle.
        Assert.False(closed.IsCompleted);
        leave.Set();
        await closed.OrHang();
        await call.OrHang();
        await owner.CloseAsync().OrHang(); // Harmless.
    }

    [Fact]
    public void APluginThatIsNeverUnloadedIsRefused()
    {
        using var test = new TestBroker();
        Assert.Throws<ArgumentException>(() => test.Broker.OpenOwner("x", AssemblyLoadContext.Default));
        Assert.Throws<ArgumentNullException>(() => test.Broker.OpenOwner("x", null!));
    }

    // In methods of their own, so that no local variable of the test keeps the plugin.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (WeakReference Plugin, WeakReference Code, Callback[] Callbacks) Load(Broker broker)
    {
        var plugin = new AssemblyLoadContext("plugin", isCollectible: true);
        var type = plugin.LoadFromAssemblyPath(typeof(Plugin).Assembly.Location).GetType(typeof(Plugin).FullName!)!;
        Assert.NotSame(typeof(Plugin), type);
        var owner = broker.OpenOwner("plugin", plugin);
        var register = type.GetMethod(nameof(Plugin.Register))!.CreateDelegate<Func<Owner, Callback[]>>();
        return (new(plugin), new(type), register(owner));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Unload(WeakReference plugin) => ((AssemblyLoadContext)plugin.Target!).Unload();
}

/// <summary>What a plugin does when it is loaded.</summary>
public static class Plugin
{
    private sealed class Greeting(string text) : IDisposable
    {
        internal byte[] Utf8 => Support.Utf8(text);

        public void Dispose()
        {
        }
    }

    /// <remarks>An array: what a collection expression makes of an interface would be a type of the plugin's.</remarks>
    public static Callback[] Register(Owner owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        var greeting = new Greeting("from the plugin");
        return
        [
            owner.Register((_, reply, _) => System.Buffers.BuffersExtensions.Write(reply, greeting.Utf8),
                           new CallbackOptions { Owned = greeting }),
            owner.Register(async (_, _) =>
            {
                await Task.Yield();
                return greeting.Utf8;
            }),
            owner.RegisterTyped((long x) => x + greeting.Utf8.Length),
        ];
    }
}
