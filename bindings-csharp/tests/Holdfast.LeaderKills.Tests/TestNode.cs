namespace Holdfast.Tests;

/// <summary>Clients of stores of their own, on a cluster whose leader is killed again and again.</summary>
internal static class TestNode
{
    internal static string ConnectionString(string settings = "") =>
        $"holdfast://{KilledCluster.Endpoints}/{KilledCluster.Unique("tests")}{KilledCluster.Times}{settings}";

    internal static Task<HoldfastClient> ConnectAsync(string settings = "", HoldfastClientOptions? options = null) =>
        HoldfastClient.ConnectAsync(ConnectionString(settings), options ?? new HoldfastClientOptions());

    /// <summary>The class of a client's store, which a client of servers has to ask for.</summary>
    internal static async Task<HoldfastStoreClass?> ClassOfAsync(HoldfastClient client)
    {
        await client.ConnectStoreAsync(CancellationToken.None);
        return client.StoreClass;
    }
}
