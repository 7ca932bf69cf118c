using Holdfast.Tests;

namespace Holdfast.Extensions.Caching.Tests;

/// <summary>Isolated nodes with a clock that the test moves: here processes.</summary>
internal static class TestNode
{
    /// <summary>Generous, because many tests share few processors.</summary>
    private const string Times = "?timeout=30s&connect-timeout=30s";

    /// <summary>The connection string of a store on a new node.</summary>
    internal static string ConnectionString(string store, string settings = "") =>
        $"holdfast://{ServeProcesses.Start().Address}/{store}{Times}{settings}";

    /// <summary>
    /// A client of another store on the same node: it moves its clock, and the node ends with it.
    /// </summary>
    internal static HoldfastClient Beside(string connectionString)
    {
        var address = new Uri(connectionString).Authority;
        var client = HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = $"holdfast://{address}/beside{Times}" });
        ServeProcesses.EndWith(address, client);
        return client;
    }

    /// <summary>The class of a client's store, which a client of a server has to ask for.</summary>
    internal static async Task<HoldfastStoreClass?> ClassOf(HoldfastClient client)
    {
        await client.ConnectStoreAsync(CancellationToken.None);
        return client.StoreClass;
    }
}
