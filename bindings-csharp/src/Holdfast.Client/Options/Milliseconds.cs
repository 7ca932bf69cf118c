namespace Holdfast;

/// <summary>Durations in whole milliseconds, rounded up: nothing ends before its time.</summary>
internal static class Milliseconds
{
    /// <summary>A hundred years of 365.25 days, the longest time to live.</summary>
    internal const long HundredYears = 100L * 36_525 * 864_000;

    internal static long Ceiling(TimeSpan duration)
    {
        long ticks = duration.Ticks;
        long whole = ticks / TimeSpan.TicksPerMillisecond;
        return ticks % TimeSpan.TicksPerMillisecond > 0 ? whole + 1 : whole;
    }

    /// <summary>A positive duration, else an error that names the parameter.</summary>
    internal static long Ceiling(TimeSpan duration, string parameter)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(duration, TimeSpan.Zero, parameter);
        return Ceiling(duration);
    }
}
