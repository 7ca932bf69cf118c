using System.Diagnostics;

namespace Holdfast.Tests;

/// <summary>
/// Kills the node that leads most groups of a cluster, and its next process starts at once; again when all are ready and
/// a few seconds have passed: at every moment a majority is there.
/// <para>
/// Two verbs are not sent twice, whatever happens: <c>Clear</c>, and the moving of a manual clock. While one of them is
/// under way nobody is killed, and one that begins while a node is missing waits: its outcome could not be known. Both are
/// seen by their spans, which begin on the caller's thread before anything is sent.
/// </para>
/// </summary>
internal sealed class LeaderKills
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(3);
    private static readonly string[] SentOnce = ["clear", "advance_clock"];

    private readonly ServeCluster _cluster;
    private readonly object _gate = new();
    private int _underWay;
    private bool _isKilling;
    private int _count;

    private LeaderKills(ServeCluster cluster) => _cluster = cluster;

    /// <summary>How many there were, each of which the cluster has mended.</summary>
    internal int Count => Volatile.Read(ref _count);

    /// <summary>What ended the killing, if anything did.</summary>
    internal Exception? Failure { get; private set; }

    /// <summary>Begins, until the process ends.</summary>
    internal static LeaderKills Begin(ServeCluster cluster)
    {
        var kills = new LeaderKills(cluster);
        ActivitySource.AddActivityListener(new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Holdfast",
            Sample = static (ref ActivityCreationOptions<ActivityContext> made) =>
                SentOnce.Contains(made.Name) ? ActivitySamplingResult.PropagationData : ActivitySamplingResult.None,
            ActivityStarted = kills.Enter,
            ActivityStopped = kills.Leave,
        });
        new Thread(kills.Run) { IsBackground = true, Name = "leader kills" }.Start();
        return kills;
    }

    private void Enter(Activity call)
    {
        lock (_gate)
        {
            while (_isKilling)
            {
                Monitor.Wait(_gate);
            }

            _underWay++;
        }
    }

    private void Leave(Activity call)
    {
        lock (_gate)
        {
            _underWay--;
            Monitor.PulseAll(_gate);
        }
    }

    private void Run()
    {
        try
        {
            while (true)
            {
                Thread.Sleep(Rest);
                BeginKilling();
                _cluster.KillLeader();
                _cluster.AwaitReady();
                Interlocked.Increment(ref _count);
                EndKilling();
            }
        }
        catch (Exception failure)
        {
            Failure = failure;
            EndKilling();
        }
    }

    private void BeginKilling()
    {
        lock (_gate)
        {
            while (_underWay > 0)
            {
                Monitor.Wait(_gate);
            }

            _isKilling = true;
        }
    }

    private void EndKilling()
    {
        lock (_gate)
        {
            _isKilling = false;
            Monitor.PulseAll(_gate);
        }
    }
}
