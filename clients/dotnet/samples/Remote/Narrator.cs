// Prints the story, a line at a time, so that a script or a person can follow it step by step.
//
// Thread safety: any thread; lines come out whole and in the order of the calls.
namespace Belay.Samples.Remote;

internal static class Narrator
{
    private static readonly Lock Gate = new();

    /// <summary>Prints "[step] text".</summary>
    public static void Say(int step, string text)
    {
        lock (Gate)
        {
            Console.Out.WriteLine($"[{step}] {text}");
            Console.Out.Flush();
        }
    }
}
