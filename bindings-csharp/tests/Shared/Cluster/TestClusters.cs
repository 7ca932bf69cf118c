namespace Holdfast.Tests;

/// <summary>The clusters of this process, each started when it is first asked for.</summary>
internal static class TestClusters
{
    /// <summary>Generous, because many tests share few processors.</summary>
    internal const string Times = "?timeout=30s&connect-timeout=30s";

    private static readonly Lazy<ServeCluster> OfManualClock = new(static () => ServeCluster.Start("--clock", "manual"));
    private static readonly Lazy<ServeCluster> OfSystemClock = new(static () => ServeCluster.Start());
    private static ServeCluster? s_own;
    private static int s_last;

    /// <summary>Endpoints of the cluster that all tests share, whose clock they move.</summary>
    internal static string WithManualClock => OfManualClock.Value.Endpoints;

    /// <summary>Endpoints of one whose time is the system's.</summary>
    internal static string WithSystemClock => OfSystemClock.Value.Endpoints;

    /// <summary>Endpoints of a new cluster, which ends when the next one is asked for.</summary>
    internal static string OfOwn()
    {
        s_own?.Dispose();
        s_own = ServeCluster.Start("--clock", "manual");
        return s_own.Endpoints;
    }

    /// <summary>A store's name that no other test has.</summary>
    internal static string Unique(string store) => $"{store}-{Interlocked.Increment(ref s_last)}";
}
