namespace Holdfast.Extensions.Caching.Tests;

/// <summary>Isolated nodes with a clock that the test moves: here embedded ones.</summary>
internal static class TestNode
{
    private static int s_count;

    /// <summary>The connection string of a store on a new node.</summary>
    internal static string ConnectionString(string store, string settings = "") =>
        $"holdfast://embedded/{store}?node=caching-{Interlocked.Increment(ref s_count)}&clock=manual{settings}";

    /// <summary>
    /// A client of another store on the same node: it holds the node alive and moves its clock.
    /// </summary>
    internal static HoldfastClient Beside(string connectionString)
    {
        var settings = connectionString[connectionString.IndexOf('?', StringComparison.Ordinal)..]
            .Split('&')
            .Where(static setting => setting.StartsWith("?node=", StringComparison.Ordinal) || setting.StartsWith("clock=", StringComparison.Ordinal));
        return HoldfastClient.Create(new HoldfastClientOptions
        {
            ConnectionString = "holdfast://embedded/beside" + string.Join('&', settings),
        });
    }

    /// <summary>The class of a client's store, which a client of a server has to ask for.</summary>
    internal static async Task<HoldfastStoreClass?> ClassOf(HoldfastClient client)
    {
        await client.ConnectStoreAsync(CancellationToken.None);
        return client.StoreClass;
    }
}
