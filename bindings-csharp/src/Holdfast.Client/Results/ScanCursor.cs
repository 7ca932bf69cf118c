using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;

namespace Holdfast;

/// <summary>
/// Where a scan stopped; opaque. Its text is safe in URLs. It belongs to scans of the same range, direction and
/// store.
/// </summary>
public sealed class ScanCursor : IEquatable<ScanCursor>
{
    private readonly byte[] _position;

    internal ScanCursor(byte[] position) => _position = position;

    internal ReadOnlySpan<byte> Position => _position;

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    /// <param name="text">The cursor's text.</param>
    /// <exception cref="FormatException">The text is no cursor.</exception>
    public static ScanCursor Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return TryParse(text, out ScanCursor? cursor)
            ? cursor
            : throw new FormatException("The text is not the cursor of a scan.");
    }

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    /// <param name="text">The cursor's text.</param>
    /// <param name="cursor">The cursor, or null.</param>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ScanCursor? cursor)
    {
        cursor = null;
        if (string.IsNullOrEmpty(text) || !Base64Url.IsValid(text))
        {
            return false;
        }

        cursor = new ScanCursor(Base64Url.DecodeFromChars(text));
        return true;
    }

    /// <inheritdoc/>
    public bool Equals(ScanCursor? other) => other is not null && Position.SequenceEqual(other.Position);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ScanCursor);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.AddBytes(_position);
        return hash.ToHashCode();
    }

    /// <summary>The cursor as text for <see cref="Parse"/>.</summary>
    public override string ToString() => Base64Url.EncodeToString(_position);
}
