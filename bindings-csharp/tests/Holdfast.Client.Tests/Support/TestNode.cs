namespace Holdfast.Tests;

/// <summary>Clients of nodes of their own, with clocks that only the test moves: here embedded ones.</summary>
internal static class TestNode
{
    private static int s_last;

    internal static string ConnectionString(string settings = "") =>
        $"holdfast://embedded/tests?node=test-{Environment.ProcessId}-{Interlocked.Increment(ref s_last)}&clock=manual{settings}";

    internal static Task<HoldfastClient> ConnectAsync(string settings = "", HoldfastClientOptions? options = null) =>
        HoldfastClient.ConnectAsync(ConnectionString(settings), options ?? new HoldfastClientOptions());

    /// <summary>A client of a node whose clock is the system's.</summary>
    internal static Task<HoldfastClient> ConnectToSystemClockAsync() =>
        HoldfastClient.ConnectAsync($"holdfast://embedded/tests?node=system-clock-{Environment.ProcessId}");

    /// <summary>The class of a client's store, which a client of a server has to ask for.</summary>
    internal static async Task<HoldfastStoreClass?> ClassOfAsync(HoldfastClient client)
    {
        await client.ConnectStoreAsync(CancellationToken.None);
        return client.StoreClass;
    }
}
