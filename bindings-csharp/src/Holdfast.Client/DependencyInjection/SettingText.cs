using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Holdfast.DependencyInjection;

/// <summary>
/// One value of a section. What it does not accept is a <see cref="FormatException"/> that names the setting and
/// what is accepted, and not the text: it may be a secret that stands in the wrong place.
/// </summary>
internal readonly struct SettingText(IConfigurationSection section)
{
    private static readonly (string Unit, double Milliseconds)[] Units =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    internal string Text() => section.Value ?? throw Refused("a text");

    internal bool Switch() => section.Value?.ToUpperInvariant() switch
    {
        "TRUE" or "ON" => true,
        "FALSE" or "OFF" => false,
        _ => throw Refused("true or false"),
    };

    /// <summary>A name of the enum; in the spelling of connection strings (<c>s3-fifo</c>) too.</summary>
    internal TEnum Word<TEnum>()
        where TEnum : struct, Enum
    {
        var text = section.Value?.Replace("-", "", StringComparison.Ordinal);
        foreach (var name in Enum.GetNames<TEnum>())
        {
            if (string.Equals(name, text, StringComparison.OrdinalIgnoreCase))
            {
                return Enum.Parse<TEnum>(name);
            }
        }

        throw Refused(string.Join(" or ", Enum.GetNames<TEnum>()));
    }

    /// <summary>
    /// <c>00:00:30</c> as .NET writes a duration, or <c>30s</c> as connection strings do. A bare number is refused:
    /// .NET would read it as days.
    /// </summary>
    internal TimeSpan Duration()
    {
        var text = section.Value?.Trim() ?? "";
        if (text.Contains(':', StringComparison.Ordinal))
        {
            if (TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var duration))
            {
                return duration;
            }
        }
        else
        {
            foreach (var (unit, milliseconds) in Units)
            {
                if (text.EndsWith(unit, StringComparison.Ordinal)
                    && double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count)
                    && count * milliseconds < TimeSpan.MaxValue.TotalMilliseconds)
                {
                    return TimeSpan.FromMilliseconds(count * milliseconds);
                }
            }
        }

        throw Refused("a duration such as 00:00:30, or 30s with one of the units ms, s, m, h, d");
    }

    private FormatException Refused(string accepted) => new($"The setting '{section.Path}' takes {accepted}.");
}
