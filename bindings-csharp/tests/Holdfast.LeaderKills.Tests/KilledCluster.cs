namespace Holdfast.Tests;

/// <summary>The cluster of this process, whose leader is killed again and again from when it is first asked for.</summary>
internal static class KilledCluster
{
    /// <summary>A call waits for the next leader within its time; generous, because many tests share few processors.</summary>
    internal const string Times = "?timeout=30s&connect-timeout=30s";

    private static readonly Lazy<(ServeCluster Cluster, LeaderKills Kills)> Started = new(static () =>
    {
        ServeCluster cluster = ServeCluster.Start("--clock", "manual");
        return (cluster, LeaderKills.Begin(cluster));
    });

    private static int s_last;

    internal static string Endpoints => Started.Value.Cluster.Endpoints;

    internal static LeaderKills Kills => Started.Value.Kills;

    /// <summary>A store's name that no other test has.</summary>
    internal static string Unique(string store) => $"{store}-{Interlocked.Increment(ref s_last)}";
}
