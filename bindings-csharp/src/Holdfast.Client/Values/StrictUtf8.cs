using System.Text;

namespace Holdfast;

/// <summary>UTF-8 that refuses what is not UTF-8 instead of replacing it: a value never changes silently.</summary>
internal static class StrictUtf8
{
    internal static readonly UTF8Encoding Encoding = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
}
