// What is left when the broker goes: nothing that waits, nothing that leaks.
using Belay.Client.Tests.Support;

namespace Belay.Client.Tests.Broker;

public class BrokerLossTests
{
    [BelaydFact]
    public async Task W4_W5_a_killed_broker_fails_what_waits_and_releases_what_was_hosted()
    {
        var belayd = new Belayd();
        await belayd.InitializeAsync();
        try
        {
            var client = await belayd.ConnectAsync(
                options: new BelayClientOptions { SessionLife = SessionLife.EndsWithConnection });
            var probes = Enumerable.Range(0, 100).Select(_ => new Probe()).ToArray();
            var entered = new TaskCompletionSource();
            var callbacks = new List<RemoteCallback>();
            foreach (var probe in probes)
            {
                callbacks.Add(await client.RegisterAsync(
                    async (_, call) =>
                    {
                        entered.TrySetResult();
                        await Task.Delay(Timeout.Infinite, call.Cancellation);
                        return default;
                    },
                    new CallbackOptions { Owned = probe }));
            }

            var call = callbacks[0].InvokeAsync(default).AsTask();
            await entered.Task.Within();
            await belayd.KillAsync();
            var error = await Assert.ThrowsAsync<BelayException>(() => call.Within());
            Assert.Equal((BelayStatus.Unavailable, CallCertainty.SentUnknown), (error.Status, error.Certainty));
            await Task.WhenAll(callbacks.Select(c => c.Released)).Within();
            Assert.All(probes, p => Assert.Equal(1, p.Count));
            await client.Completion.Within();
            error = await Assert.ThrowsAsync<BelayException>(() => callbacks[1].InvokeAsync(default).Within());
            Assert.Equal((BelayStatus.Unavailable, CallCertainty.NotSent), (error.Status, error.Certainty));
            foreach (var callback in callbacks)
                await callback.DisposeAsync(); // harmless
            error = await Assert.ThrowsAsync<BelayException>(() => BelayClient.ConnectAsync(belayd.Address).Within());
            Assert.Equal((BelayStatus.Unavailable, CallCertainty.NotSent), (error.Status, error.Certainty));
        }
        finally
        {
            await belayd.DisposeAsync();
        }
    }
}
