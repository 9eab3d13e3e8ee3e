// A C# lambda becomes a function pointer; native code stores it, calls it later from a thread of its own, and lets it go.
// Each step is printed, so that one can see when the closure lives and when it ends.
//
// Run it with BELAY_LIBRARY naming libbelay.so.0 and BELAY_SAMPLE_ENGINE naming libengine.so. Exits 0 if all went as
// told, 1 if not.
using System.Runtime.CompilerServices;
using Belay;
using Belay.Samples.InProcess;

var failures = 0;
var broker = Broker.Open(new BrokerOptions { Name = "sample" });
Console.WriteLine($"1. A broker is open in this process (libbelay {Broker.LibraryVersion}).");

var engine = new Engine();
var story = Register(broker, engine);

Console.WriteLine("4. C# disposes its own handles, and forgets the lambdas. The engine still holds both:");
story.Transform.Dispose();
story.Listener.Dispose();
Show(broker);
CollectGarbage();
Check("the closure is alive, though C# has let go and the garbage collector has run", story.Closure.IsAlive);

Console.WriteLine("5. Later the engine calls them, from its own thread: transform(1..3).");
engine.Run(3);
var sum = engine.Wait();
Check($"the engine summed up what the C# lambda returned: {sum} = 100*1 + 100*2 + 100*3", sum == 600);
Check($"the listener heard {story.Heard}, on another thread than this one", story.Heard.ToString() == "True False" &&
      story.Heard.Threads.All(thread => thread != Environment.CurrentManagedThreadId));

Console.WriteLine("6. The engine lets go while nothing runs.");
Check("until now nothing was released", !story.Transform.Released.IsCompleted && !story.Listener.Released.IsCompleted);
engine.LetGo();
await Task.WhenAll(story.Transform.Released, story.Listener.Released).WaitAsync(TimeSpan.FromSeconds(10));
Console.WriteLine("   Released: no call is in flight and none can come;");
Check("what the callback owned was disposed, once;", story.Owned.Disposals == 1);
Check("no handle of either is left in the broker;", broker.List().All(handle => handle.Kind != HandleKind.Callback));
CollectGarbage();
Check("the GCHandle is freed: the closure and what it captured were collected.", !story.Closure.IsAlive);

Console.WriteLine("7. A released callback is refused, not a crash:");
try
{
    engine.StoreTransform(story.Transform);
    Check("refused", false);
}
catch (InvalidOperationException refused)
{
    Check(refused.Message, true);
}

engine.Dispose();
Check("8. The broker closes; nothing is left behind.", broker.Close(TimeSpan.FromSeconds(10)));
return failures == 0 ? 0 : 1;

// In a method of its own, so that no local of Main's keeps the closure alive.
[MethodImpl(MethodImplOptions.NoInlining)]
static Story Register(Broker broker, Engine engine)
{
    var captured = new Captured(100);
    var owned = new Owned();
    var heard = new Heard();
    var transform = broker.RegisterTyped((long x) => captured.Factor * x,
                                         new CallbackOptions { Label = "transform", Owned = owned });
    var listener = broker.RegisterTyped((bool running) => heard.Add(running),
                                        new CallbackOptions { Label = "listener" });
    Console.WriteLine("2. Two C# lambdas are registered: long -> long, which captures an object, and void(bool).");
    engine.StoreTransform(transform);
    engine.StoreListener(listener);
    Console.WriteLine("3. The native engine has stored both: it took handles of its own and pinned them as C functions.");
    return new Story(transform, listener, new WeakReference(captured), owned, heard);
}

static void Show(Broker broker)
{
    foreach (var handle in broker.List().Where(handle => handle.Kind is HandleKind.Callback or HandleKind.Pin))
    {
        Console.WriteLine($"   {handle.Kind,-8} {handle.Label,-9} {handle.Signature,-10} held by {handle.Holder}, " +
                          $"references {handle.References}, pins {handle.Pins}, registered at {handle.Site}");
    }
}

void Check(string what, bool holds)
{
    Console.WriteLine($"   {(holds ? "" : "NOT TRUE: ")}{what}");
    failures += holds ? 0 : 1;
}

static void CollectGarbage()
{
    for (var i = 0; i < 3; i++)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}

namespace Belay.Samples.InProcess
{
    /// <summary>What the transform's lambda captures.</summary>
    internal sealed class Captured(long factor)
    {
        public long Factor { get; } = factor;
    }

    /// <summary>What belongs to the callback: disposed when it ends.</summary>
    internal sealed class Owned : IDisposable
    {
        private int _disposals;

        public int Disposals => _disposals;

        public void Dispose() => Interlocked.Increment(ref _disposals);
    }

    /// <summary>What the listener heard, and on which threads.</summary>
    internal sealed class Heard
    {
        private readonly List<bool> _values = [];

        public HashSet<int> Threads { get; } = [];

        public void Add(bool value)
        {
            _values.Add(value);
            Threads.Add(Environment.CurrentManagedThreadId);
        }

        public override string ToString() => string.Join(' ', _values);
    }

    internal sealed record Story(Callback Transform, Callback Listener, WeakReference Closure, Owned Owned, Heard Heard);
}
