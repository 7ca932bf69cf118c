using System.Diagnostics.CodeAnalysis;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>Checked expiry settings in the units of a request; 0 stands for none.</summary>
internal readonly struct Expiry
{
    internal readonly long TtlMs;
    internal readonly long SlidingMs;
    internal readonly long AbsoluteUnixMs;

    private Expiry(long ttlMs, long slidingMs, long absoluteUnixMs)
    {
        TtlMs = ttlMs;
        SlidingMs = slidingMs;
        AbsoluteUnixMs = absoluteUnixMs;
    }

    [SuppressMessage("Usage", "CA2208", Justification = "The caller gave an option, and is told its name.")]
    internal static Expiry Of(
        TimeSpan? ttl,
        TimeSpan? slidingTtl,
        DateTimeOffset? absoluteExpiration,
        TimeProvider clock)
    {
        long ttlMs = ttl is { } relative ? TimeToLive(relative, "Ttl") : 0;
        long slidingMs = slidingTtl is { } sliding ? TimeToLive(sliding, "SlidingTtl") : 0;
        if (absoluteExpiration is not { } moment)
        {
            return new Expiry(ttlMs, slidingMs, 0);
        }

        if (ttlMs != 0)
        {
            throw new ArgumentException("Ttl and AbsoluteExpiration exclude each other: give one of them.", "AbsoluteExpiration");
        }

        TimeSpan left = moment - clock.GetUtcNow();
        if (left <= TimeSpan.Zero)
        {
            throw new ArgumentOutOfRangeException(
                "AbsoluteExpiration", moment, "The absolute expiration value must be in the future.");
        }

        return new Expiry(TimeToLive(left, "AbsoluteExpiration"), slidingMs, UnixMs(moment));
    }

    internal static Expiry OfTtl(TimeSpan ttl, string parameter) => new(TimeToLive(ttl, parameter), 0, 0);

    internal void WriteTo(ref HfRequest.Unmanaged request)
    {
        request.ttl_ms = TtlMs;
        request.sliding_ms = SlidingMs;
        request.absolute_unix_ms = AbsoluteUnixMs;
    }

    private static long TimeToLive(TimeSpan duration, string parameter)
    {
        if (duration <= TimeSpan.Zero)
        {
            throw new ArgumentOutOfRangeException(parameter, duration, "A time to live is 1 ms to 100 years; this one is not positive.");
        }

        long milliseconds = Milliseconds.Ceiling(duration);
        return milliseconds <= Milliseconds.HundredYears
            ? milliseconds
            : throw new ArgumentOutOfRangeException(parameter, duration, "A time to live is 1 ms to 100 years; this one is longer.");
    }

    private static long UnixMs(DateTimeOffset moment)
    {
        long milliseconds = moment.ToUnixTimeMilliseconds();
        return moment.UtcTicks % TimeSpan.TicksPerMillisecond == 0 ? milliseconds : milliseconds + 1;
    }
}
