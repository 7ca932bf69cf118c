using Holdfast.Tests;

namespace Holdfast.Extensions.Caching.Tests;

/// <summary>Stores on three nodes with a clock that the test moves.</summary>
internal static class TestNode
{
    /// <summary>
    /// The connection string of a store. An application (<c>app</c>) uses further ones beside it, by names that other
    /// tests use too: it gets three nodes of its own.
    /// </summary>
    internal static string ConnectionString(string store, string settings = "")
    {
        string endpoints = store == "app" ? TestClusters.OfOwn() : TestClusters.WithManualClock;
        string name = store == "cache" ? TestClusters.Unique(store) : store;
        return $"holdfast://{endpoints}/{name}{TestClusters.Times}{settings}";
    }

    /// <summary>A client of another store on the same nodes: it moves their clocks.</summary>
    internal static HoldfastClient Beside(string connectionString)
    {
        string endpoints = connectionString.Split('/')[2];
        return HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = $"holdfast://{endpoints}/beside{TestClusters.Times}" });
    }

    /// <summary>The class of a client's store, which a client of servers has to ask for.</summary>
    internal static async Task<HoldfastStoreClass?> ClassOf(HoldfastClient client)
    {
        await client.ConnectStoreAsync(CancellationToken.None);
        return client.StoreClass;
    }
}
