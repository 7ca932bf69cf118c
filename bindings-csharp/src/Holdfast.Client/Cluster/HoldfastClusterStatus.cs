namespace Holdfast;

/// <summary>How a cluster is doing, as one of its nodes sees it and as the others have told that one.</summary>
public sealed class HoldfastClusterStatus
{
    /// <summary>Names the cluster, in hexadecimal digits; empty of an embedded node.</summary>
    public string ClusterId { get; init; } = "";

    /// <summary>Grows with each change of nodes, replicas or slots.</summary>
    public long Version { get; init; }

    /// <summary>What all nodes may use.</summary>
    public int FeatureLevel { get; init; }

    /// <summary>Whether the logs of coordination stores are on disk.</summary>
    public bool IsDurable { get; init; }

    /// <summary>How the cluster is doing.</summary>
    public HoldfastClusterHealth Health { get; init; }

    /// <summary>The same in one line, for people.</summary>
    public string Summary { get; init; } = "";

    /// <summary>Whether it is one node that belongs to no cluster: it has no groups with a leader.</summary>
    public bool IsAlone { get; init; }

    /// <summary>Name of the node that has answered.</summary>
    public string AnsweredBy { get; init; } = "";

    /// <summary>All nodes, by id.</summary>
    public IReadOnlyList<HoldfastClusterNode> Nodes { get; init; } = [];

    /// <summary>All groups, by id.</summary>
    public IReadOnlyList<HoldfastClusterGroup> Groups { get; init; } = [];

    /// <summary>The summary.</summary>
    public override string ToString() => Summary;
}
