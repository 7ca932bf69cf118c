namespace Holdfast.Tests;

/// <summary>Clients of nodes of their own, with clocks that only the test moves: here processes.</summary>
internal static class TestNode
{
    /// <summary>Generous, because many tests share few processors.</summary>
    private const string Times = "?timeout=30s&connect-timeout=30s";

    internal static string ConnectionString(string settings = "") => Of(ServeProcesses.Start(), settings);

    /// <summary>A store on a node that the test has started.</summary>
    internal static string Of(ServeProcess node, string settings = "") => $"holdfast://{node.Address}/tests{Times}{settings}";

    internal static async Task<HoldfastClient> ConnectAsync(string settings = "", HoldfastClientOptions? options = null)
    {
        ServeProcess node = ServeProcesses.Start();
        HoldfastClient client = await HoldfastClient.ConnectAsync(Of(node, settings), options ?? new HoldfastClientOptions());
        ServeProcesses.EndWith(node.Address, client);
        return client;
    }

    /// <summary>A client of a node whose clock is the system's.</summary>
    internal static Task<HoldfastClient> ConnectToSystemClockAsync() =>
        HoldfastClient.ConnectAsync(Of(ServeProcesses.StartWithSystemClock()));

    /// <summary>The class of a client's store, which a client of a server has to ask for.</summary>
    internal static async Task<HoldfastStoreClass?> ClassOfAsync(HoldfastClient client)
    {
        await client.ConnectStoreAsync(CancellationToken.None);
        return client.StoreClass;
    }
}
