using System.Globalization;
using System.Text;

namespace Holdfast;

/// <summary>Writes the settings that were given as the <c>name=value</c> lines that native code reads.</summary>
internal static class SettingLines
{
    internal static void Add(StringBuilder lines, string name, string? value)
    {
        if (value is null)
        {
            return;
        }

        if (value.AsSpan().ContainsAny('\n', '\r'))
        {
            // Not shown: a line break in a setting may come from a secret pasted into the wrong place.
            throw new HoldfastException(HoldfastErrorCode.InvalidSetting, $"The setting '{name}' contains a line break.");
        }

        lines.Append(name).Append('=').Append(value).Append('\n');
    }

    internal static void Add(StringBuilder lines, string name, bool? value) =>
        Add(lines, name, value switch { null => null, true => "on", false => "off" });

    internal static void Add<TEnum>(StringBuilder lines, string name, TEnum? value)
        where TEnum : struct, Enum => Add(lines, name, value?.ToString().ToLowerInvariant());

    internal static void Add(StringBuilder lines, string name, TimeSpan? value)
    {
        if (value is not { } duration)
        {
            return;
        }

        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(duration, TimeSpan.Zero, name);
        long ticks = duration.Ticks;
        Add(lines, name, ticks % TimeSpan.TicksPerMillisecond == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{ticks / TimeSpan.TicksPerMillisecond}ms")
            : string.Create(CultureInfo.InvariantCulture, $"{ticks / TimeSpan.TicksPerMicrosecond}us"));
    }
}
