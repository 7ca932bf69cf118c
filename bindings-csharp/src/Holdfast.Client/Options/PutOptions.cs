namespace Holdfast;

/// <summary>How a value is put. A put replaces the value and all expiry settings.</summary>
public sealed class PutOptions : RequestOptions
{
    /// <summary>Time to live, 1 ms to 100 years.</summary>
    public TimeSpan? Ttl { get; init; }

    /// <summary>Time to live from each read on, 1 ms to 100 years; never past the other deadline.</summary>
    public TimeSpan? SlidingTtl { get; init; }

    /// <summary>The moment from which on the entry is gone, by the client's clock. Not together with <see cref="Ttl"/>.</summary>
    public DateTimeOffset? AbsoluteExpiration { get; init; }

    /// <summary>Whether the entry stays when its store evicts others for room.</summary>
    public bool NeverEvict { get; init; }

    internal Expiry Resolve(TimeProvider clock) => Expiry.Of(Ttl, SlidingTtl, AbsoluteExpiration, clock);
}
