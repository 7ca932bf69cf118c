namespace Holdfast.Tests.Embedded;

/// <summary>What holds only where the node is in the process.</summary>
public class EmbeddedNodeTests
{
    [Fact]
    public async Task an_embedded_call_completes_synchronously()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        ValueTask<long> put = client.PutAsync("k", 1);
        bool isPut = put.IsCompletedSuccessfully;
        await put;
        ValueTask<int> get = client.GetAsync<int>("k");
        bool isGot = get.IsCompletedSuccessfully;
        Assert.Equal(1, await get);
        Assert.True(isPut && isGot);
    }

    [Fact]
    public async Task an_isolated_node_ends_with_its_last_client()
    {
        string text = TestNode.ConnectionString();
        HoldfastClient one = await HoldfastClient.ConnectAsync(text);
        HoldfastClient two = await HoldfastClient.ConnectAsync(text);
        one.Put("k", 1);
        Assert.Equal(1, two.Get<int>("k"));
        await one.DisposeAsync();
        Assert.Equal(1, two.Get<int>("k"));
        await two.DisposeAsync();
        await using HoldfastClient again = await HoldfastClient.ConnectAsync(text);
        Assert.Null(again.Get<int?>("k"));
    }

    [Fact]
    public async Task a_contradicting_opener_of_a_node_is_a_typed_error()
    {
        await using HoldfastClient client = await HoldfastClient.ConnectAsync("holdfast://embedded/s?node=contradicted&clock=manual");
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(
            () => HoldfastClient.ConnectAsync("holdfast://embedded/s?node=contradicted&clock=system"));
        Assert.Equal(HoldfastErrorCode.NodeConflict, error.Code);
    }

    [Fact]
    public async Task an_embedded_client_is_connected_from_its_first_use_to_its_end()
    {
        HoldfastClient client = HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = TestNode.ConnectionString() });
        int changes = 0;
        client.ConnectionStateChanged += (_, _) => changes++;
        Assert.Equal(HoldfastConnectionState.Idle, client.ConnectionState);
        client.Put("k", 1);
        Assert.Equal(HoldfastConnectionState.Connected, client.ConnectionState);
        HoldfastPing ping = await client.PingAsync();
        Assert.Equal((client.NodeName, null), (ping.NodeName, ping.Endpoint));
        await client.DisposeAsync();
        Assert.Equal((HoldfastConnectionState.Closed, 0), (client.ConnectionState, changes));
    }
}
