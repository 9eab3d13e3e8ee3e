// A host of callbacks in a belayd, told step by step: `Remote ADDRESS [KIB]`, then commands on standard input.
//
//   scan [PREFIX]       run a scan through the filter
//   put KEY VALUE       write a key
//   release-in-flight   let the greeting go while a call of it runs
//   quit                end (as does the end of the input)
//
// Exit: 0 told to the end, 1 something failed, 2 wrong usage, 3 no broker there.
using Belay;
using Belay.Samples.Remote;

if (args.Length is < 1 or > 2 || (args.Length == 2 && !long.TryParse(args[1], out _)))
{
    Console.Error.WriteLine(
        "usage: Remote ADDRESS [KIB]    ADDRESS: unix:/path, /path or host:port; KIB: installed size, default 1000");
    return 2;
}

var address = args[0].StartsWith('/') ? "unix:" + args[0] : args[0];
try
{
    await using var story = await Story.BeginAsync(address, args.Length == 2 ? long.Parse(args[1]) : 1000);
    Narrator.Say(2, "ready");
    while (await Console.In.ReadLineAsync() is { } line && line.Trim() != "quit")
    {
        switch (line.Trim().Split(' ', 3))
        {
            case [""]:
                break;
            case ["scan"]:
                await story.ScanAsync("");
                break;
            case ["scan", var prefix]:
                await story.ScanAsync(prefix);
                break;
            case ["put", var key, var value]:
                await story.PutAsync(key, value);
                break;
            case ["release-in-flight"]:
                if (!await story.ReleaseInFlightAsync())
                    return 1;
                break;
            default:
                Console.Error.WriteLine(
                    $"unknown command '{line}'; known: scan [PREFIX], put KEY VALUE, release-in-flight, quit");
                break;
        }
    }

    return 0;
}
catch (BelayException e)
{
    Console.Error.WriteLine($"remote: {e.Message}");
    return e.Certainty == CallCertainty.NotSent && e.Status == BelayStatus.Unavailable ? 3 : 1;
}
catch (ArgumentException e)
{
    Console.Error.WriteLine($"remote: {e.Message}");
    return 2;
}
