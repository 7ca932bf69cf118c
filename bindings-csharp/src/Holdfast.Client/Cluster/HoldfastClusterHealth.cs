namespace Holdfast;

/// <summary>How a cluster is doing.</summary>
public enum HoldfastClusterHealth
{
    /// <summary>A newer server says something that this version does not know.</summary>
    Unknown = 0,

    /// <summary>All nodes are up, and all replicas are there.</summary>
    Healthy = 1,

    /// <summary>Everything is served, and less may fail than should.</summary>
    Degraded = 2,

    /// <summary>A group has no leader: what it holds is not served.</summary>
    Unavailable = 3,
}
