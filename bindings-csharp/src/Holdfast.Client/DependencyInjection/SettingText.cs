using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Holdfast.DependencyInjection;

/// <summary>
/// One value of a section. What it does not accept is a <see cref="FormatException"/> that names the setting and
/// what is accepted, and not the text: it may be a secret that stands in the wrong place.
/// </summary>
internal readonly struct SettingText(IConfigurationSection section)
{
    private const string Durations =
        "a duration above zero such as 00:00:30, 250ms, 5s or 1h 30m, with the units ms, s, m, h, d, w";

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
    /// <c>00:00:30</c> as .NET writes a duration, or <c>1h 30m</c> as connection strings do. A bare number is refused:
    /// .NET would read it as days.
    /// </summary>
    internal TimeSpan Duration() => TryDuration(out var duration) ? duration : throw Refused(Durations);

    /// <summary>A duration, or the word <c>none</c>, which is <see cref="Timeout.InfiniteTimeSpan"/>.</summary>
    internal TimeSpan DurationOrNone()
    {
        if (string.Equals(section.Value?.Trim(), "none", StringComparison.OrdinalIgnoreCase))
        {
            return Timeout.InfiniteTimeSpan;
        }

        return TryDuration(out var duration) ? duration : throw Refused(Durations + ", or none");
    }

    /// <summary><c>linearizable</c>, <c>local</c>, or <c>bounded:</c> and a duration.</summary>
    internal ReadConsistency ReadConsistency()
    {
        var text = section.Value?.Trim() ?? "";
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return text.ToUpperInvariant() switch
        {
            "LINEARIZABLE" => Holdfast.ReadConsistency.Linearizable,
            "LOCAL" => Holdfast.ReadConsistency.Local,
            ['B', 'O', 'U', 'N', 'D', 'E', 'D', ':', ..]
                when DurationText.TryRead(text.AsSpan(colon + 1), out var age)
                && age > TimeSpan.Zero
                && Milliseconds.Ceiling(age) <= uint.MaxValue => Holdfast.ReadConsistency.Bounded(age),
            _ => throw Refused("linearizable, local, or bounded with an age, such as bounded:500ms"),
        };
    }

    private bool TryDuration(out TimeSpan duration)
    {
        var text = section.Value?.Trim() ?? "";
        var isRead = text.Contains(':', StringComparison.Ordinal)
            ? TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration)
            : DurationText.TryRead(text, out duration);
        return isRead && duration > TimeSpan.Zero;
    }

    private FormatException Refused(string accepted) => new($"The setting '{section.Path}' takes {accepted}.");
}
