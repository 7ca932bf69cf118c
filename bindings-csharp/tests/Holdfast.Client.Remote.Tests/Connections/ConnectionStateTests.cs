using System.Threading.Channels;

namespace Holdfast.Tests.Connections;

public class ConnectionStateTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task a_client_is_idle_until_it_is_used_and_closed_when_it_is_disposed()
    {
        using ServeProcess node = ServeProcess.Start();
        HoldfastClient client = Nodes.ClientOf(node);
        Assert.Equal(HoldfastConnectionState.Idle, client.ConnectionState);
        client.Put("k", 1);
        Assert.Equal(HoldfastConnectionState.Connected, client.ConnectionState);
        Assert.Equal(HoldfastConnectionState.Connected, client.Store("other").ConnectionState);
        await client.DisposeAsync();
        Assert.Equal(HoldfastConnectionState.Closed, client.ConnectionState);
    }

    [Fact]
    public async Task connecting_losing_and_connecting_again_are_told_in_their_order_with_node_and_reason()
    {
        using ServeProcess first = ServeProcess.Start("--node", "alpha");
        await using HoldfastClient client = Nodes.ClientOf(first);
        ChannelReader<HoldfastConnectionStateChangedEventArgs> changes = ChangesOf(client);
        client.Put("k", 1);
        HoldfastConnectionStateChangedEventArgs connected = await NextAsync(changes, HoldfastConnectionState.Connected);
        Assert.Equal((first.Address, "alpha", false), (connected.Endpoint?.ToString(), connected.NodeName, connected.EpochChanged));
        Assert.Equal("alpha", client.NodeName);

        using ServeProcess again = first.Again();
        HoldfastConnectionStateChangedEventArgs lost = await NextAsync(changes, HoldfastConnectionState.Disconnected);
        Assert.False(string.IsNullOrEmpty(lost.Reason));
        client.Get<int>("k");
        HoldfastConnectionStateChangedEventArgs back = await NextAsync(changes, HoldfastConnectionState.Connected);
        Assert.True(back.EpochChanged);
        Assert.NotEqual(connected.Epoch, back.Epoch);
        Assert.Null(client.Get<int?>("k"));
    }

    [Fact]
    public async Task a_connection_that_returns_to_a_node_that_lost_nothing_is_no_changed_epoch()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node);
        ChannelReader<HoldfastConnectionStateChangedEventArgs> changes = ChangesOf(client);
        client.Put("k", 1);
        await NextAsync(changes, HoldfastConnectionState.Connected);
        node.Suspend();
        Task<int> get = client.GetAsync<int>("k").AsTask(); // only who waits for an answer misses it
        await NextAsync(changes, HoldfastConnectionState.Disconnected);
        node.Resume();
        Assert.Equal(1, await get.WaitAsync(Patience));
        HoldfastConnectionStateChangedEventArgs back = await NextAsync(changes, HoldfastConnectionState.Connected);
        Assert.False(back.EpochChanged);
    }

    [Fact]
    public async Task a_node_that_is_told_to_stop_lets_its_clients_go_and_they_find_it_again()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node);
        ChannelReader<HoldfastConnectionStateChangedEventArgs> changes = ChangesOf(client);
        client.Put("k", 1);
        await NextAsync(changes, HoldfastConnectionState.Connected);
        node.End();
        await NextAsync(changes, HoldfastConnectionState.Disconnected);
        Assert.Equal(HoldfastConnectionState.Disconnected, client.ConnectionState);
        using ServeProcess again = node.Again();
        await client.PutAsync("k", 2);
        Assert.True((await NextAsync(changes, HoldfastConnectionState.Connected)).EpochChanged);
    }

    [Fact]
    public async Task a_handler_that_throws_keeps_nothing_from_the_others_and_a_removed_one_hears_nothing()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node);
        int heard = 0;
        EventHandler<HoldfastConnectionStateChangedEventArgs> removed = (_, _) => Interlocked.Increment(ref heard);
        client.ConnectionStateChanged += (_, _) => throw new InvalidOperationException("a defect of the application");
        client.ConnectionStateChanged += removed;
        client.ConnectionStateChanged -= removed;
        ChannelReader<HoldfastConnectionStateChangedEventArgs> changes = ChangesOf(client.WithPrefix("p:"));
        client.Put("k", 1);
        await NextAsync(changes, HoldfastConnectionState.Connected);
        Assert.Equal(0, heard);
    }

    private static ChannelReader<HoldfastConnectionStateChangedEventArgs> ChangesOf(HoldfastClient client)
    {
        var changes = Channel.CreateUnbounded<HoldfastConnectionStateChangedEventArgs>();
        client.ConnectionStateChanged += (sender, change) =>
        {
            Assert.IsType<HoldfastClient>(sender);
            changes.Writer.TryWrite(change);
        };
        return changes.Reader;
    }

    /// <summary>The next change to that state; others may come before it.</summary>
    private static async Task<HoldfastConnectionStateChangedEventArgs> NextAsync(
        ChannelReader<HoldfastConnectionStateChangedEventArgs> changes,
        HoldfastConnectionState state)
    {
        while (true)
        {
            HoldfastConnectionStateChangedEventArgs change = await changes.ReadAsync().AsTask().WaitAsync(Patience);
            if (change.State == state)
            {
                return change;
            }
        }
    }
}
