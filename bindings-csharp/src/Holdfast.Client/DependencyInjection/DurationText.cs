using System.Globalization;

namespace Holdfast.DependencyInjection;

/// <summary>
/// Durations as connection strings write them: counts with units, <c>250ms</c> or <c>1h 30m</c>, which add up. A count
/// may have decimals; what is less than a tick is rounded up.
/// </summary>
internal static class DurationText
{
    internal static bool TryRead(ReadOnlySpan<char> text, out TimeSpan duration)
    {
        duration = default;
        decimal ticks = 0;
        ReadOnlySpan<char> rest = text.Trim();
        if (rest.IsEmpty)
        {
            return false;
        }

        while (!rest.IsEmpty)
        {
            var count = Take(ref rest, static character => char.IsAsciiDigit(character) || character == '.');
            var unit = Take(ref rest, char.IsAsciiLetter);
            if (TicksOf(unit) is not { } each
                || !decimal.TryParse(count, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                || number > (TimeSpan.MaxValue.Ticks - ticks) / each)
            {
                return false;
            }

            ticks += number * each;
        }

        duration = TimeSpan.FromTicks((long)decimal.Ceiling(ticks));
        return true;
    }

    private static long? TicksOf(ReadOnlySpan<char> unit) => unit switch
    {
        "ms" => TimeSpan.TicksPerMillisecond,
        "s" => TimeSpan.TicksPerSecond,
        "m" => TimeSpan.TicksPerMinute,
        "h" => TimeSpan.TicksPerHour,
        "d" => TimeSpan.TicksPerDay,
        "w" => 7 * TimeSpan.TicksPerDay,
        _ => null,
    };

    private static ReadOnlySpan<char> Take(ref ReadOnlySpan<char> rest, Func<char, bool> belongs)
    {
        var length = 0;
        while (length < rest.Length && belongs(rest[length]))
        {
            length++;
        }

        var taken = rest[..length];
        rest = rest[length..].TrimStart();
        return taken;
    }
}
