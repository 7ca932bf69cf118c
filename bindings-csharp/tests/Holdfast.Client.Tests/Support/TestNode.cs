namespace Holdfast.Tests;

/// <summary>Clients of nodes of their own, with clocks that only the test moves.</summary>
internal static class TestNode
{
    private static int s_last;

    internal static string ConnectionString(string settings = "") =>
        $"holdfast://embedded/tests?node=test-{Environment.ProcessId}-{Interlocked.Increment(ref s_last)}&clock=manual{settings}";

    internal static Task<HoldfastClient> ConnectAsync(string settings = "", HoldfastClientOptions? options = null) =>
        HoldfastClient.ConnectAsync(ConnectionString(settings), options ?? new HoldfastClientOptions());
}
