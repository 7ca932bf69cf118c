namespace Holdfast;

/// <summary>A replica of a group.</summary>
public sealed class HoldfastClusterReplica
{
    /// <summary>Names it in its group; never reused.</summary>
    public long Id { get; init; }

    /// <summary>Name of the node that it is at.</summary>
    public string Node { get; init; } = "";

    /// <summary>Whether it votes; else it learns.</summary>
    public bool IsVoter { get; init; }

    /// <summary>Whether its node has answered: the numbers are its own.</summary>
    public bool IsPresent { get; init; }

    /// <summary>The last entry of its log.</summary>
    public long LastIndex { get; init; }

    /// <summary>The last entry that it has applied.</summary>
    public long AppliedIndex { get; init; }

    /// <summary>Entries that it lacks, as the leader knows it.</summary>
    public long Lag { get; init; }

    /// <summary>Bytes that its log takes.</summary>
    public long LogBytes { get; init; }

    /// <summary>Why it has stopped for good; null when it has not.</summary>
    public string? Failure { get; init; }
}
