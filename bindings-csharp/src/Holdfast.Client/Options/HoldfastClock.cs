namespace Holdfast;

/// <summary>Where a node's time comes from.</summary>
public enum HoldfastClock
{
    /// <summary>The system's clocks.</summary>
    System = 0,

    /// <summary>Stands still until <see cref="HoldfastClient.AdvanceClock(TimeSpan, CancellationToken)"/>: for tests.</summary>
    Manual = 1,
}
