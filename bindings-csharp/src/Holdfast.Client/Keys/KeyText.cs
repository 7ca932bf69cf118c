using System.Buffers;
using System.Globalization;
using System.Text;

namespace Holdfast;

/// <summary>Writes keys for people: nothing in them can break a line or hide, and long ones are cut.</summary>
internal static class KeyText
{
    internal static string Escape(ReadOnlySpan<byte> key, int limit)
    {
        var text = new StringBuilder();
        while (!key.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf8(key, out Rune rune, out int consumed);
            int before = text.Length;
            if (status != OperationStatus.Done)
            {
                foreach (byte invalid in key[..consumed])
                {
                    text.Append(CultureInfo.InvariantCulture, $"\\x{invalid:x2}");
                }
            }
            else if (rune.Value == '\\')
            {
                text.Append(@"\\");
            }
            else if (IsPlain(rune))
            {
                text.Append(rune.ToString());
            }
            else
            {
                text.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}");
            }

            if (text.Length > limit)
            {
                text.Length = before;
                return text.Append('…').ToString();
            }

            key = key[consumed..];
        }

        return text.ToString();
    }

    private static bool IsPlain(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
        or UnicodeCategory.ParagraphSeparator or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse);
}
