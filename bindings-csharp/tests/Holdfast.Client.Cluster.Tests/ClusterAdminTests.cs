namespace Holdfast.Tests;

/// <summary>What an operator asks a cluster, and does to one of its own.</summary>
public class ClusterAdminTests
{
    [Fact]
    public async Task an_operator_sees_the_cluster_moves_its_leaderships_and_removes_a_node_that_has_ended()
    {
        using ServeCluster cluster = ServeCluster.Start();
        await using HoldfastClient client = await HoldfastClient.ConnectAsync(
            $"holdfast://{cluster.Endpoints}/tests{TestClusters.Times}");
        await client.PutAsync("k", "value");
        HoldfastClusterStatus status = await client.Cluster.GetStatusAsync();
        Assert.Equal((HoldfastClusterHealth.Healthy, false), (status.Health, status.IsAlone));
        Assert.Equal(["a", "b", "c"], status.Nodes.Select(node => node.Name).Order());
        Assert.Equal(
            cluster.Nodes.Select(node => node.Address).Order(),
            status.Nodes.Select(node => node.Endpoint?.ToString()).Order());
        Assert.All(status.Groups, group => Assert.Equal((3, true), (group.Replicas.Count, group.Leader is not null)));

        HoldfastClusterGroup group = status.Groups[^1];
        string other = status.Nodes.First(node => node.Name != group.Leader).Name;
        HoldfastLeaderMove move = await client.Cluster.MoveLeaderAsync(group.Id, other);
        Assert.Equal((group.Id, group.Leader, other, null), (move.Group, move.From, move.To, move.Error));
        Assert.Equal(other, (await client.Cluster.GetStatusAsync()).Groups[^1].Leader);
        Assert.All(await client.Cluster.TransferAsync(fromNode: "c"), moved => Assert.Null(moved.Error));
        Assert.Equal(0, (await MemberAsync(client, "c")).Leads);
        Assert.All(await client.Cluster.SpreadAsync(), moved => Assert.Null(moved.Error));
        Assert.True((await MemberAsync(client, "c")).Leads > 0);

        await FailsAsync(HoldfastErrorCode.GroupNotFound, async () => await client.Cluster.MoveLeaderAsync(99));
        await FailsAsync(HoldfastErrorCode.NodeNotFound, async () => await client.Cluster.TransferAsync(toNode: "z"));
        await FailsAsync(HoldfastErrorCode.NodeInUse, async () => await client.Cluster.RemoveAsync("c"));
        Assert.False(await client.Cluster.RemoveAsync("z"));

        cluster.Nodes[2].KillNow();
        await Eventually.IsTrueAsync(
            () => client.Cluster.GetStatusAsync().AsTask().GetAwaiter().GetResult().Health == HoldfastClusterHealth.Degraded,
            "the others lead all groups");
        Assert.True(await client.Cluster.RemoveAsync("c"));
        Assert.False(await client.Cluster.RemoveAsync("c"));
        Assert.Equal(2, (await client.Cluster.GetMembersAsync()).Count);
        Assert.Equal("value", await client.GetAsync<string>("k"));
    }

    private static async Task<HoldfastClusterNode> MemberAsync(HoldfastClient client, string name) =>
        (await client.Cluster.GetMembersAsync()).Single(node => node.Name == name);

    private static async Task FailsAsync(HoldfastErrorCode code, Func<Task> call) =>
        Assert.Equal(code, (await Assert.ThrowsAsync<HoldfastException>(call)).Code);
}
