namespace Holdfast.Tests;

/// <summary>
/// The nodes that tests have started without saying when they end: one ends when the client that it was started for is
/// disposed, one that was started for nobody when enough others came after it.
/// </summary>
internal static class ServeProcesses
{
    /// <summary>More than tests that run at the same time can have started meanwhile.</summary>
    private const int MostForNobody = 48;

    private static readonly Lock Guard = new();
    private static readonly List<(ServeProcess Node, HoldfastClient? Client)> Running = [];

    internal static ServeProcess Start() => Add(ServeProcess.Start());

    internal static ServeProcess StartWithSystemClock() => Add(ServeProcess.StartWithSystemClock());

    /// <summary>From now on the node ends with this client.</summary>
    internal static void EndWith(string address, HoldfastClient client)
    {
        lock (Guard)
        {
            int index = Running.FindIndex(running => running.Node.Address == address);
            if (index >= 0)
            {
                Running[index] = (Running[index].Node, client);
            }
        }
    }

    private static ServeProcess Add(ServeProcess node)
    {
        lock (Guard)
        {
            EndUnused();
            Running.Add((node, null));
        }

        return node;
    }

    private static void EndUnused()
    {
        int forNobody = Running.Count(static running => running.Client is null);
        for (int index = 0; index < Running.Count; index++)
        {
            (ServeProcess node, HoldfastClient? client) = Running[index];
            bool isUnused = client is null
                ? forNobody-- > MostForNobody
                : client.ConnectionState == HoldfastConnectionState.Closed;
            if (isUnused)
            {
                node.Dispose();
                Running.RemoveAt(index--);
            }
        }
    }
}
