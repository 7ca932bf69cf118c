using System.Diagnostics;

namespace Holdfast.Tests;

/// <summary>Reads where most nodes are gone, of a cluster of their own.</summary>
public class ClusterReadTests
{
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task without_a_majority_local_reads_answer_and_all_else_is_unavailable_in_its_time()
    {
        using ServeCluster cluster = ServeCluster.Start();
        await using HoldfastClient client = await HoldfastClient.ConnectAsync(
            $"holdfast://{cluster.Endpoints}/tests{TestClusters.Times}");
        await client.PutAsync("k", "value");
        var local = new RequestOptions { ReadConsistency = ReadConsistency.Local, Timeout = Slack };
        foreach (ServeProcess node in cluster.Nodes)
        {
            // Each has it: whichever is left can answer.
            await using HoldfastClient alone = await HoldfastClient.ConnectAsync($"holdfast://{node.Address}/tests{TestClusters.Times}");
            await Eventually.IsTrueAsync(() => alone.Get<string>("k", local) == "value", "every replica has it");
        }

        cluster.Nodes[0].KillNow();
        Assert.Equal("value", await client.GetAsync<string>("k"));
        cluster.Nodes[1].KillNow();

        Assert.Equal("value", await client.GetAsync<string>("k", local));
        foreach (ReadConsistency consistency in (ReadConsistency[])[ReadConsistency.Linearizable, ReadConsistency.Bounded(Time / 10)])
        {
            // The node that is left has led, perhaps, and looks for its majority at first: then the time runs out.
            var options = new RequestOptions { ReadConsistency = consistency, Timeout = Time };
            await Eventually.IsTrueAsync(
                () => CodeOf(() => client.Get<string>("k", options)) == HoldfastErrorCode.Unavailable, $"{consistency}: unavailable");
        }

        HoldfastException put = Assert.Throws<HoldfastException>(() => client.Put("k", "other", new PutOptions { Timeout = Time }));
        Assert.True(
            (put.Code, put.Outcome) == (HoldfastErrorCode.Unavailable, HoldfastOutcome.NotApplied),
            $"{put.Code}, {put.Outcome}: {put.Message}");
        Assert.Equal("value", await client.GetAsync<string>("k", local));
    }

    [Fact]
    public async Task a_client_that_knows_one_endpoint_finds_the_others_and_outlives_it()
    {
        using ServeCluster cluster = ServeCluster.Start();
        await using HoldfastClient client = await HoldfastClient.ConnectAsync(
            $"holdfast://{cluster.Nodes[1].Address}/tests{TestClusters.Times}");
        await client.PutAsync("k", 1);
        cluster.Nodes[1].KillNow();
        Assert.Equal(1, await client.GetAsync<int>("k"));
        Assert.Equal(2, await client.IncrementAsync("k"));
    }

    /// <summary>What a call fails with, which it must, in its time.</summary>
    private static HoldfastErrorCode CodeOf(Action call)
    {
        var waited = Stopwatch.StartNew();
        Exception error = Assert.ThrowsAny<Exception>(call);
        Assert.InRange(waited.Elapsed, TimeSpan.Zero, Time + Slack);
        return Assert.IsAssignableFrom<IHoldfastError>(error).Code;
    }
}
