namespace Holdfast.Tests.Connections;

public class LoneServerTests
{
    [Fact]
    public async Task a_server_that_is_alone_is_a_cluster_of_one_that_nothing_changes()
    {
        using ServeProcess node = ServeProcess.Start("--node", "solo");
        await using HoldfastClient client = Nodes.ClientOf(node);
        HoldfastClusterStatus status = await client.Cluster.GetStatusAsync();
        Assert.Equal((HoldfastClusterHealth.Healthy, true, "solo"), (status.Health, status.IsAlone, status.AnsweredBy));
        HoldfastClusterNode member = Assert.Single(status.Nodes);
        Assert.Equal(("solo", HoldfastNodeState.Up), (member.Name, member.State));
        Assert.True(member.MemoryLimit > 0);
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(async () => await client.Cluster.SpreadAsync());
        Assert.Equal(HoldfastErrorCode.Unsupported, error.Code);
    }
}
