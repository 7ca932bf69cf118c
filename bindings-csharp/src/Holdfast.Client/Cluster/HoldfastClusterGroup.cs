namespace Holdfast;

/// <summary>A group of a cluster: a part of its stores, replicated together.</summary>
public sealed class HoldfastClusterGroup
{
    /// <summary>Its number.</summary>
    public int Id { get; init; }

    /// <summary><c>meta</c>, <c>coordination</c> or <c>cache</c>.</summary>
    public string Kind { get; init; } = "";

    /// <summary>New whenever it had to start again without its past.</summary>
    public long Epoch { get; init; }

    /// <summary>Grows with each election.</summary>
    public long Term { get; init; }

    /// <summary>Name of the node that leads it; null while there is none.</summary>
    public string? Leader { get; init; }

    /// <summary>Its replicas, by id.</summary>
    public IReadOnlyList<HoldfastClusterReplica> Replicas { get; init; } = [];
}
