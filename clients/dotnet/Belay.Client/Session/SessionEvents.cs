// Tells the program what becomes of its session: in order, on the thread pool, so that no handler holds up a session.
//
// Invariant: what a handler throws goes to the log, and the next event is told all the same.
// Thread safety: any thread; Source is set before the first event can come.
namespace Belay.Client.Session;

/// <summary>The way of events to the program.</summary>
/// <param name="log">Where to say that a handler has thrown; null: standard error.</param>
internal sealed class SessionEvents(Action<BelayLogLevel, string>? log)
{
    private readonly Lock _lock = new();
    private Task _told = Task.CompletedTask;

    /// <summary>Each event.</summary>
    public event EventHandler<SessionEventArgs>? Changed;

    /// <summary>Who sends them.</summary>
    public object? Source { get; set; }

    /// <summary>Queues an event.</summary>
    public void Tell(SessionChange change, BelayException? error = null, ulong handle = 0)
    {
        var told = new SessionEventArgs(change, error, handle);
        lock (_lock)
            _told = _told.ContinueWith(
                _ => Raise(told), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private void Raise(SessionEventArgs told)
    {
        try
        {
            Changed?.Invoke(Source, told);
        }
#pragma warning disable CA1031 // Nobody is there to whom it could go.
        catch (Exception e)
#pragma warning restore CA1031
        {
            var text = $"a handler of SessionChanged threw at {told.Change}: {e}";
            if (log is not null)
                log(BelayLogLevel.Error, text);
            else
                Console.Error.WriteLine($"belay: {text}");
        }
    }
}
