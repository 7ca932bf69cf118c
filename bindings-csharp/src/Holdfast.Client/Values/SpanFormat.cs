using System.Globalization;
using System.Text;

namespace Holdfast;

/// <summary>A type that writes itself as short invariant text.</summary>
/// <typeparam name="T">The type.</typeparam>
internal sealed class SpanFormat<T>(string format, SpanFormat<T>.Parse parse) : IScalarFormat<T>
    where T : struct, IUtf8SpanFormattable
{
    /// <summary>No text of these types is longer; what is, is none of theirs.</summary>
    private const int LongestText = 128;

    internal delegate bool Parse(ReadOnlySpan<char> text, out T value);

    public void Write(T value, Span<byte> room, ref EncodedValue encoded)
    {
        if (!value.TryFormat(room, out int written, format, CultureInfo.InvariantCulture))
        {
            throw new InvalidOperationException($"The text of a {typeof(T).Name} does not fit {room.Length} bytes.");
        }

        encoded.Set(room[..written]);
    }

    public bool TryRead(ReadOnlySpan<byte> bytes, out T value)
    {
        Span<char> text = stackalloc char[LongestText];
        if (bytes.Length > LongestText || !Encoding.UTF8.TryGetChars(bytes, text, out int length))
        {
            value = default;
            return false;
        }

        return parse(text[..length], out value);
    }
}
