using System.Globalization;
using System.Text;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>The lines of an answer about the cluster, each as its fields; the first one names it.</summary>
internal static class ClusterLines
{
    internal static IEnumerable<string[]> Of(in Reply reply) =>
        Encoding.UTF8.GetString(reply.Data)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('\t'));

    internal static long Number(string field) => long.Parse(field, NumberStyles.Integer, CultureInfo.InvariantCulture);

    internal static int Small(string field) => int.Parse(field, NumberStyles.Integer, CultureInfo.InvariantCulture);

    internal static bool Is(string field) => field == "1";

    internal static string? OrNull(string field) => field.Length == 0 ? null : field;

    internal static TimeSpan Microseconds(string field) => TimeSpan.FromMicroseconds(Number(field));
}

/// <summary>Reads how a cluster is doing.</summary>
internal readonly struct ClusterStatusReader : IReplyReader<HoldfastClusterStatus>
{
    public HoldfastClusterStatus Read(in Reply reply)
    {
        string[] cluster = [];
        var nodes = new List<HoldfastClusterNode>();
        var groups = new List<(string[] Fields, List<string[]> Replicas)>();
        foreach (string[] fields in ClusterLines.Of(reply))
        {
            switch (fields[0])
            {
                case "cluster":
                    cluster = fields;
                    break;
                case "node":
                    nodes.Add(Node(fields));
                    break;
                case "group":
                    groups.Add((fields, []));
                    break;
                case "replica":
                    groups[^1].Replicas.Add(fields);
                    break;
                default:
                    // A newer library says more.
                    break;
            }
        }

        Dictionary<int, string> names = nodes.ToDictionary(node => node.Id, node => node.Name);
        return new HoldfastClusterStatus
        {
            ClusterId = cluster[1],
            Version = ClusterLines.Number(cluster[2]),
            FeatureLevel = ClusterLines.Small(cluster[3]),
            IsDurable = ClusterLines.Is(cluster[4]),
            Health = HealthOf(ClusterLines.Small(cluster[5])),
            IsAlone = ClusterLines.Is(cluster[6]),
            AnsweredBy = cluster[7],
            Summary = cluster[8],
            Nodes = nodes,
            Groups = [.. groups.Select(group => Group(group.Fields, group.Replicas, names))],
        };
    }

    private static HoldfastClusterNode Node(string[] fields) => new()
    {
        Id = ClusterLines.Small(fields[1]),
        Name = fields[2],
        Endpoint = HoldfastEndpoint.TryParse(fields[3]),
        Zone = fields[4],
        Incarnation = fields[5],
        State = StateOf(ClusterLines.Small(fields[6])),
        Version = fields[7],
        FeatureLevel = ClusterLines.Small(fields[8]),
        Leads = ClusterLines.Small(fields[9]),
        Replicas = ClusterLines.Small(fields[10]),
        Uptime = TimeSpan.FromMilliseconds(ClusterLines.Number(fields[11])),
        MemoryUsed = ClusterLines.Number(fields[12]),
        MemoryLimit = ClusterLines.Number(fields[13]),
        Reason = fields[14],
    };

    private static HoldfastClusterGroup Group(string[] fields, List<string[]> replicas, Dictionary<int, string> names) => new()
    {
        Id = ClusterLines.Small(fields[1]),
        Kind = fields[2],
        Epoch = ClusterLines.Number(fields[3]),
        Term = ClusterLines.Number(fields[4]),
        Leader = names.GetValueOrDefault(ClusterLines.Small(fields[5])),
        Replicas = [.. replicas.Select(replica => Replica(replica, names))],
    };

    private static HoldfastClusterReplica Replica(string[] fields, Dictionary<int, string> names) => new()
    {
        Id = ClusterLines.Number(fields[1]),
        Node = names.GetValueOrDefault(ClusterLines.Small(fields[2]), ""),
        IsVoter = ClusterLines.Is(fields[3]),
        IsPresent = ClusterLines.Is(fields[4]),
        LastIndex = ClusterLines.Number(fields[5]),
        AppliedIndex = ClusterLines.Number(fields[6]),
        Lag = ClusterLines.Number(fields[7]),
        LogBytes = ClusterLines.Number(fields[8]),
        Failure = ClusterLines.OrNull(fields[9]),
    };

    private static HoldfastClusterHealth HealthOf(int number) =>
        Enum.IsDefined((HoldfastClusterHealth)number) ? (HoldfastClusterHealth)number : HoldfastClusterHealth.Unknown;

    private static HoldfastNodeState StateOf(int number) =>
        Enum.IsDefined((HoldfastNodeState)number) ? (HoldfastNodeState)number : HoldfastNodeState.Unknown;
}

/// <summary>Reads whether there was a node to remove.</summary>
internal readonly struct RemovedReader : IReplyReader<bool>
{
    public bool Read(in Reply reply) => ClusterLines.Of(reply).Any(fields => fields[0] == "removed" && ClusterLines.Is(fields[1]));
}

/// <summary>Reads which leaderships moved.</summary>
internal readonly struct LeaderMovesReader : IReplyReader<IReadOnlyList<HoldfastLeaderMove>>
{
    public IReadOnlyList<HoldfastLeaderMove> Read(in Reply reply) =>
        [.. ClusterLines.Of(reply).Where(fields => fields[0] == "move").Select(Move)];

    private static HoldfastLeaderMove Move(string[] fields) => new()
    {
        Group = ClusterLines.Small(fields[1]),
        From = fields[2],
        To = fields[3],
        Took = ClusterLines.Microseconds(fields[4]),
        Error = ClusterLines.OrNull(fields[5]),
    };
}
