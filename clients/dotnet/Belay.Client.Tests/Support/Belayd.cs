// A real belayd of the test's own, on a short socket, with an empty store; and clients of it.
//
// The program comes from the build: BELAY_DAEMON names it. Tests that need it are skipped, by name, where it is not
// set.
//
// Thread safety: any thread.
using System.Collections.Concurrent;
using System.Diagnostics;

namespace Belay.Client.Tests.Support;

/// <summary>A test that needs a belayd.</summary>
[AttributeUsage(AttributeTargets.Method)]
public class BelaydFactAttribute : FactAttribute
{
    public BelaydFactAttribute()
    {
        if (Belayd.Program is null)
            Skip = "BELAY_DAEMON names no belayd";
    }
}

/// <summary>A daemon and its folder.</summary>
public sealed class Belayd : IAsyncLifetime
{
    private static int _lastClient;
    private readonly string _folder = Directory.CreateTempSubdirectory("belay-").FullName;
    private readonly List<BelayClient> _clients = [];
    private readonly ConcurrentQueue<string> _log = new();
    private Process? _process;

    public static string? Program { get; } = Environment.GetEnvironmentVariable("BELAY_DAEMON");

    public string Address => $"unix:{_folder}/s";

    public Task InitializeAsync() => Program is null ? Task.CompletedTask : StartAsync();

    /// <summary>Starts the daemon, again after <see cref="KillAsync"/> over the same store.</summary>
    public async Task StartAsync()
    {
        _process = Process.Start(new ProcessStartInfo(Program!)
        {
            ArgumentList =
            {
                "--listen", Address, "--data", Path.Combine(_folder, "data"),
                "--backup-dir", Directory.CreateDirectory(Path.Combine(_folder, "backups")).FullName,
            },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        // What it logs is of interest only if it does not come up.
        _process.ErrorDataReceived += (_, line) => _log.Enqueue(line.Data ?? string.Empty);
        _process.BeginErrorReadLine();
        while (await _process.StandardOutput.ReadLineAsync(Patience.Token) is { } line)
        {
            if (line.Contains("ready", StringComparison.Ordinal))
                return;
        }

        await _process.WaitForExitAsync(Patience.Token);
        throw new InvalidOperationException($"belayd ended with {_process.ExitCode}:\n{string.Join('\n', _log)}");
    }

    /// <summary>A client of a name that no other has.</summary>
    public async Task<BelayClient> ConnectAsync(
        string name = "client", BelayClientOptions? options = null, string? address = null)
    {
        var unique = $"{name}-{Interlocked.Increment(ref _lastClient)}";
        options = (options ?? new BelayClientOptions()) with { ClientName = unique };
        var client = await BelayClient.ConnectAsync(address ?? Address, options).Within();
        lock (_clients)
            _clients.Add(client);
        return client;
    }

    /// <summary>Live callback handles that a client holds or whose callback it registered, as an administrator sees
    /// them.</summary>
    public async Task<List<HandleInfo>> CallbacksOfAsync(BelayClient client)
    {
        await using var observer = await BelayClient.ConnectAsync(Address);
        var handles = new List<HandleInfo>();
        await foreach (var handle in observer.ListAsync(Patience.Token))
        {
            if (handle.Kind == HandleKind.Callback && (handle.Owner == client.Name || handle.Holder == client.Name))
                handles.Add(handle);
        }

        return handles;
    }

    /// <summary>Ends the daemon as a crash does.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync(Patience.Token);
    }

    public async Task DisposeAsync()
    {
        foreach (var client in _clients)
            await client.DisposeAsync();
        if (_process is not null)
        {
            if (!_process.HasExited)
                await KillAsync();
            _process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }
}
