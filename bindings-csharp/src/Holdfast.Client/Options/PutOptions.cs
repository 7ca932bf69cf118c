namespace Holdfast;

/// <summary>How a value is put. A put replaces the value and all expiry settings.</summary>
public sealed class PutOptions : RequestOptions
{
    /// <summary>
    /// Time to live, above zero and to 100 years. Fractions of a millisecond are rounded up, so less than 1 ms is 1 ms.
    /// </summary>
    public TimeSpan? Ttl { get; init; }

    /// <summary>
    /// Time to live from each read on, never past the other deadline. Its range and rounding are those of <see cref="Ttl"/>.
    /// </summary>
    public TimeSpan? SlidingTtl { get; init; }

    /// <summary>The moment from which on the entry is gone, by the client's clock. Not together with <see cref="Ttl"/>.</summary>
    public DateTimeOffset? AbsoluteExpiration { get; init; }

    /// <summary>Whether the entry stays when its store evicts others for room.</summary>
    public bool NeverEvict { get; init; }

    internal Expiry Resolve(TimeProvider clock) => Expiry.Of(Ttl, SlidingTtl, AbsoluteExpiration, clock);
}
