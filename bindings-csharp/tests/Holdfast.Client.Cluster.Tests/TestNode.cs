namespace Holdfast.Tests;

/// <summary>Clients of stores of their own, on three nodes with clocks that only the test moves.</summary>
internal static class TestNode
{
    internal static string ConnectionString(string settings = "") => Of(TestClusters.WithManualClock, settings);

    internal static Task<HoldfastClient> ConnectAsync(string settings = "", HoldfastClientOptions? options = null) =>
        HoldfastClient.ConnectAsync(ConnectionString(settings), options ?? new HoldfastClientOptions());

    /// <summary>A client of nodes whose clock is the system's.</summary>
    internal static Task<HoldfastClient> ConnectToSystemClockAsync() => HoldfastClient.ConnectAsync(Of(TestClusters.WithSystemClock));

    /// <summary>The class of a client's store, which a client of servers has to ask for.</summary>
    internal static async Task<HoldfastStoreClass?> ClassOfAsync(HoldfastClient client)
    {
        await client.ConnectStoreAsync(CancellationToken.None);
        return client.StoreClass;
    }

    private static string Of(string endpoints, string settings = "") =>
        $"holdfast://{endpoints}/{TestClusters.Unique("tests")}{TestClusters.Times}{settings}";
}
