namespace Holdfast;

/// <summary>Bounds, first value and expiry of a counter.</summary>
public sealed class IncrementOptions : RequestOptions
{
    /// <summary>The lowest value; a change below it is <see cref="HoldfastErrorCode.CounterOutOfBounds"/>.</summary>
    public long Minimum { get; init; } = long.MinValue;

    /// <summary>The highest value; a change above it is <see cref="HoldfastErrorCode.CounterOutOfBounds"/>.</summary>
    public long Maximum { get; init; } = long.MaxValue;

    /// <summary>What the first change is added to.</summary>
    public long Initial { get; init; }

    /// <summary>Time to live, 1 ms to 100 years, set when the counter is created.</summary>
    public TimeSpan? Ttl { get; init; }

    /// <summary>Time to live from each read or change on, set when the counter is created.</summary>
    public TimeSpan? SlidingTtl { get; init; }

    /// <summary>The moment from which on the counter is gone, by the client's clock, set when it is created.</summary>
    public DateTimeOffset? AbsoluteExpiration { get; init; }

    /// <summary>Whether the expiry settings are also applied to a counter that exists.</summary>
    public bool ResetExpiry { get; init; }

    internal Expiry Resolve(TimeProvider clock) => Expiry.Of(Ttl, SlidingTtl, AbsoluteExpiration, clock);
}
