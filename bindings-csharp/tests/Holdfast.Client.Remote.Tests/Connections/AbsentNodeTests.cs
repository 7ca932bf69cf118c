namespace Holdfast.Tests.Connections;

public class AbsentNodeTests
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

    [Fact]
    public async Task calls_without_a_node_fail_typed_in_their_time_and_succeed_as_soon_as_there_is_one()
    {
        using ServeProcess dead = Nodes.Dead();
        await using HoldfastClient client = Nodes.ClientOf(dead, static options => options.Timeout = Short);
        HoldfastException put = await Nodes.FailsWithinAsync<HoldfastException>(Short, async () => await client.PutAsync("k", 1));
        Assert.Equal((HoldfastErrorCode.Unavailable, HoldfastOutcome.NotApplied, true), (put.Code, put.Outcome, put.IsTransient));
        Assert.Contains(dead.Address, put.Message, StringComparison.Ordinal);
        HoldfastException get = await Nodes.FailsWithinAsync<HoldfastException>(Short, () => Task.FromResult(client.Get<int>("k")));
        Assert.Equal(HoldfastErrorCode.Unavailable, get.Code);

        using ServeProcess node = dead.Again();
        await client.PutAsync("k", 1, new PutOptions { Timeout = TimeSpan.FromSeconds(30) });
        Assert.Equal(1, client.Get<int>("k", new RequestOptions { Timeout = TimeSpan.FromSeconds(30) }));
    }

    [Fact]
    public async Task a_call_that_waits_for_a_node_is_answered_when_it_comes()
    {
        using ServeProcess dead = Nodes.Dead();
        await using HoldfastClient client = Nodes.ClientOf(dead);
        Task<long> put = client.PutAsync("k", 1).AsTask();
        using ServeProcess node = dead.Again();
        Assert.True(await put > 0);
    }

    [Fact]
    public async Task connecting_gives_up_after_its_time_and_at_once_when_it_is_cancelled()
    {
        using ServeProcess dead = Nodes.Dead();
        string text = $"holdfast://{dead.Address}/tests";
        HoldfastException error = await Nodes.FailsWithinAsync<HoldfastException>(
            Short, () => HoldfastClient.ConnectAsync(text, new HoldfastClientOptions { ConnectTimeout = Short }));
        Assert.Equal(HoldfastErrorCode.Unavailable, error.Code);

        using var source = new CancellationTokenSource(Short);
        await Nodes.FailsWithinAsync<HoldfastCanceledException>(
            Short, () => HoldfastClient.ConnectAsync(text, new HoldfastClientOptions { ConnectTimeout = TimeSpan.FromHours(1) }, source.Token));
    }

    [Fact]
    public async Task endpoints_are_tried_in_turn()
    {
        using ServeProcess dead = Nodes.Dead();
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = await HoldfastClient.ConnectAsync(
            "teststore", [new("127.0.0.1", dead.Port), new("127.0.0.1", node.Port)]);
        await client.PutAsync("product:1", "Laptop");
        Assert.Equal("Laptop", await client.GetAsync<string>("product:1"));
        Assert.Equal(node.Address, (await client.PingAsync()).Endpoint?.ToString());
        Assert.Equal("teststore", client.StoreName);
    }

    [Fact]
    public async Task a_connected_client_knows_its_stores_class_and_its_node()
    {
        using ServeProcess node = ServeProcess.Start("--node", "beta");
        await using HoldfastClient client = await HoldfastClient.ConnectAsync($"holdfast://{node.Address}/pages?class=cache");
        Assert.Equal((HoldfastStoreClass.Cache, "beta"), (client.StoreClass!.Value, client.NodeName));
        Assert.Null(client.Store("other").StoreClass);
    }

    [Fact]
    public async Task what_opening_a_store_fails_with_comes_with_its_first_verb()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node, static options => options.AutoCreateStores = false);
        HoldfastClient unknown = client.Store("unknown");
        Assert.Equal("unknown", unknown.StoreName);
        Assert.Equal(HoldfastErrorCode.StoreNotFound, Assert.Throws<HoldfastException>(() => unknown.Get<int>("k")).Code);
    }
}
