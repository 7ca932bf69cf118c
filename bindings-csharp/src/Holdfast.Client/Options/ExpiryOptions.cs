namespace Holdfast;

/// <summary>
/// When an entry expires. <see cref="Ttl"/> or <see cref="AbsoluteExpiration"/> (not both) is the latest moment;
/// <see cref="SlidingTtl"/> ends an entry that is not read for so long.
/// </summary>
public sealed class ExpiryOptions : RequestOptions
{
    /// <summary>
    /// Time to live, above zero and to 100 years. Fractions of a millisecond are rounded up, so less than 1 ms is 1 ms.
    /// </summary>
    public TimeSpan? Ttl { get; init; }

    /// <summary>Time to live from each read on. Its range and rounding are those of <see cref="Ttl"/>.</summary>
    public TimeSpan? SlidingTtl { get; init; }

    /// <summary>The moment from which on the entry is gone, by the client's clock.</summary>
    public DateTimeOffset? AbsoluteExpiration { get; init; }

    internal Expiry Resolve(TimeProvider clock) => Expiry.Of(Ttl, SlidingTtl, AbsoluteExpiration, clock);
}
