namespace Holdfast.Tests.Connections;

public class PingTests
{
    [Fact]
    public async Task a_ping_names_the_node_its_endpoint_its_epoch_and_the_time()
    {
        using ServeProcess node = ServeProcess.Start("--node", "gamma");
        await using HoldfastClient client = Nodes.ClientOf(node);
        HoldfastPing ping = await client.PingAsync();
        Assert.Equal(("gamma", node.Address), (ping.NodeName, ping.Endpoint?.ToString()));
        Assert.NotEqual(0, ping.Epoch);
        Assert.InRange(ping.RoundTrip, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(30));
        Assert.Equal(ping.Epoch, client.Ping().Epoch);
    }

    [Fact]
    public async Task a_ping_of_nobody_fails_typed_in_its_time()
    {
        using ServeProcess dead = Nodes.Dead();
        await using HoldfastClient client = Nodes.ClientOf(dead);
        var time = TimeSpan.FromMilliseconds(200);
        HoldfastException error = await Nodes.FailsWithinAsync<HoldfastException>(
            time, async () => await client.PingAsync(new RequestOptions { Timeout = time }));
        Assert.Equal(HoldfastErrorCode.Unavailable, error.Code);
    }
}
