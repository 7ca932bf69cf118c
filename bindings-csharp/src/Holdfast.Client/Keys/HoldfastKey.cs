using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Holdfast;

/// <summary>
/// The key of an entry: 1 byte to 32 KiB, any bytes. Text stands for its UTF-8 bytes; keys are ordered and
/// compared bytewise, so case and spaces matter. Converts implicitly from <see cref="string"/>,
/// <see cref="byte"/> arrays and <see cref="ReadOnlyMemory{T}"/>.
/// </summary>
public readonly struct HoldfastKey : IEquatable<HoldfastKey>
{
    // Marks a key of bytes in the text field, so that the struct is three words.
    private static readonly string BytesMark = new('\0', 1);

    private readonly string? _text;
    private readonly ReadOnlyMemory<byte> _bytes;

    /// <summary>The key that is the UTF-8 form of a text.</summary>
    /// <param name="text">The text; null gives a key that every verb refuses.</param>
    public HoldfastKey(string? text)
    {
        _text = text;
        _bytes = default;
    }

    /// <summary>The key of these bytes. They are not copied: they must not change while a call uses them.</summary>
    /// <param name="bytes">The bytes.</param>
    public HoldfastKey(ReadOnlyMemory<byte> bytes)
    {
        _text = BytesMark;
        _bytes = bytes;
    }

    internal bool IsNull => _text is null;

    internal bool IsBytes => ReferenceEquals(_text, BytesMark);

    internal string Text => _text!;

    internal ReadOnlyMemory<byte> Bytes => _bytes;

    /// <summary>The key that is the UTF-8 form of a text.</summary>
    /// <param name="text">The text.</param>
    public static implicit operator HoldfastKey(string? text) => new(text);

    /// <summary>The key of these bytes.</summary>
    /// <param name="bytes">The bytes.</param>
    public static implicit operator HoldfastKey(byte[]? bytes) =>
        bytes is null ? default : new HoldfastKey(bytes.AsMemory());

    /// <summary>The key of these bytes.</summary>
    /// <param name="bytes">The bytes.</param>
    public static implicit operator HoldfastKey(ReadOnlyMemory<byte> bytes) => new(bytes);

    /// <summary>Whether two keys have the same bytes.</summary>
    /// <param name="left">One key.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(HoldfastKey left, HoldfastKey right) => left.Equals(right);

    /// <summary>Whether two keys have different bytes.</summary>
    /// <param name="left">One key.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(HoldfastKey left, HoldfastKey right) => !left.Equals(right);

    /// <summary>The key that is the UTF-8 form of a text.</summary>
    /// <param name="text">The text.</param>
    public static HoldfastKey FromString(string? text) => new(text);

    /// <summary>The key of these bytes.</summary>
    /// <param name="bytes">The bytes.</param>
    public static HoldfastKey FromBytes(ReadOnlyMemory<byte> bytes) => new(bytes);

    /// <summary>The key's bytes, as a new array.</summary>
    /// <exception cref="ArgumentException">The key's text is not valid UTF-16.</exception>
    public byte[] ToArray() => IsNull ? [] : KeyEncoding.ToArray(this, default);

    /// <inheritdoc/>
    public bool Equals(HoldfastKey other)
    {
        if (IsNull || other.IsNull)
        {
            return IsNull && other.IsNull;
        }

        return IsBytes || other.IsBytes
            ? KeyEncoding.Lenient(this).AsSpan().SequenceEqual(KeyEncoding.Lenient(other))
            : string.Equals(_text, other._text, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public override bool Equals([NotNullWhen(true)] object? obj) => obj is HoldfastKey other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        if (IsNull)
        {
            return 0;
        }

        HashCode hash = default;
        hash.AddBytes(IsBytes ? _bytes.Span : KeyEncoding.Lenient(this));
        return hash.ToHashCode();
    }

    /// <summary>The key for people: text with control characters and bytes that are no text escaped.</summary>
    public override string ToString() =>
        IsNull ? string.Empty : KeyText.Escape(IsBytes ? _bytes.Span : KeyEncoding.Lenient(this), int.MaxValue);

    /// <summary>The key for a message: escaped and cut at 64 characters.</summary>
    internal string ToMessage() =>
        IsNull ? string.Empty : KeyText.Escape(IsBytes ? _bytes.Span : KeyEncoding.Lenient(this), 64);
}
