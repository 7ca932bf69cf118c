namespace Holdfast.Tests.Embedded;

public class ClusterOfOneTests
{
    [Fact]
    public async Task a_node_in_the_process_is_a_cluster_of_one_that_nothing_changes()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        HoldfastClusterStatus status = await client.Cluster.GetStatusAsync();
        Assert.Equal((HoldfastClusterHealth.Healthy, true), (status.Health, status.IsAlone));
        HoldfastClusterNode node = Assert.Single(await client.Cluster.GetMembersAsync());
        Assert.Equal((client.NodeName, HoldfastNodeState.Up, null), (node.Name, node.State, node.Endpoint));
        Assert.Empty(status.Groups);
        Func<Task>[] changes =
        [
            async () => await client.Cluster.RemoveAsync(node.Name),
            async () => await client.Cluster.MoveLeaderAsync(1),
            async () => await client.Cluster.TransferAsync(fromNode: node.Name),
            async () => await client.Cluster.SpreadAsync(),
        ];
        foreach (Func<Task> change in changes)
        {
            HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(change);
            Assert.Equal(HoldfastErrorCode.Unsupported, error.Code);
        }
    }

    [Fact]
    public async Task what_names_no_node_is_refused_before_anybody_is_asked()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        await Assert.ThrowsAsync<ArgumentException>("node", async () => await client.Cluster.RemoveAsync("n1\nforce=on"));
        await Assert.ThrowsAsync<ArgumentException>("fromNode", async () => await client.Cluster.TransferAsync());
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>("group", async () => await client.Cluster.MoveLeaderAsync(-1));
    }
}
