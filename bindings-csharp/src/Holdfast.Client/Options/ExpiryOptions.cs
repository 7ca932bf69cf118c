namespace Holdfast;

/// <summary>
/// When an entry expires. <see cref="Ttl"/> or <see cref="AbsoluteExpiration"/> (not both) is the latest moment;
/// <see cref="SlidingTtl"/> ends an entry that is not read for so long.
/// </summary>
public sealed class ExpiryOptions : RequestOptions
{
    /// <summary>Time to live, 1 ms to 100 years.</summary>
    public TimeSpan? Ttl { get; init; }

    /// <summary>Time to live from each read on, 1 ms to 100 years.</summary>
    public TimeSpan? SlidingTtl { get; init; }

    /// <summary>The moment from which on the entry is gone, by the client's clock.</summary>
    public DateTimeOffset? AbsoluteExpiration { get; init; }

    internal Expiry Resolve(TimeProvider clock) => Expiry.Of(Ttl, SlidingTtl, AbsoluteExpiration, clock);
}
