using Holdfast.Tests;

namespace Holdfast.Extensions.Caching.Tests;

/// <summary>Stores of their own on a cluster whose leader is killed again and again.</summary>
internal static class TestNode
{
    internal static string ConnectionString(string store, string settings = "") =>
        $"holdfast://{KilledCluster.Endpoints}/{KilledCluster.Unique(store)}{KilledCluster.Times}{settings}";

    /// <summary>A client of another store on the same nodes: it moves their clocks.</summary>
    internal static HoldfastClient Beside(string connectionString)
    {
        string endpoints = connectionString.Split('/')[2];
        return HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = $"holdfast://{endpoints}/beside{KilledCluster.Times}" });
    }

    /// <summary>The class of a client's store, which a client of servers has to ask for.</summary>
    internal static async Task<HoldfastStoreClass?> ClassOf(HoldfastClient client)
    {
        await client.ConnectStoreAsync(CancellationToken.None);
        return client.StoreClass;
    }
}
