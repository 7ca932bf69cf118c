namespace Holdfast;

/// <summary>
/// Expiry as <c>IDistributedCache</c> means it, in milliseconds, 0 for none: <paramref name="ttlMs"/> caps the
/// sliding, beyond 100 years is none.
/// </summary>
internal readonly struct RawExpiry(long ttlMs, long slidingMs, long absoluteUnixMs)
{
    internal readonly long TtlMs = ttlMs;
    internal readonly long SlidingMs = slidingMs;
    internal readonly long AbsoluteUnixMs = absoluteUnixMs;

    internal static RawExpiry None => default;

    /// <summary>A duration in whole milliseconds, rounded up.</summary>
    internal static long CeilingMs(TimeSpan duration) => Milliseconds.Ceiling(duration);
}
