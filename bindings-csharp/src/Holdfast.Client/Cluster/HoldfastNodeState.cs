namespace Holdfast;

/// <summary>How a node of a cluster is doing.</summary>
public enum HoldfastNodeState
{
    /// <summary>A newer server says something that this version does not know.</summary>
    Unknown = 0,

    /// <summary>It has all its replicas.</summary>
    Up = 1,

    /// <summary>It answers, and replicas of it catch up.</summary>
    CatchingUp = 2,

    /// <summary>It stops, or is being removed.</summary>
    Leaving = 3,

    /// <summary>It does not answer.</summary>
    Silent = 4,
}
