namespace Holdfast;

/// <summary>A leadership that was to move.</summary>
public sealed class HoldfastLeaderMove
{
    /// <summary>The group.</summary>
    public int Group { get; init; }

    /// <summary>Name of the node that led it.</summary>
    public string From { get; init; } = "";

    /// <summary>Name of the node that is to lead it.</summary>
    public string To { get; init; } = "";

    /// <summary>From when the leader was told until the other one led; zero when that one led already.</summary>
    public TimeSpan Took { get; init; }

    /// <summary>Why it did not move; null when it did, or was there already.</summary>
    public string? Error { get; init; }
}
