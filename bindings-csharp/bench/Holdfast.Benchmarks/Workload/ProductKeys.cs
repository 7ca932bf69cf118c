using System.Globalization;

namespace Holdfast.Benchmarks.Workload;

/// <summary>
/// Keys and values as a web application has them: <c>product:4711</c>, and 100 bytes. An application makes its key
/// from a request and asks with it at once: the text is in the processor's cache, and it is never the very object that
/// the entry was once set with. So each sequence has texts of its own, which lie in memory in the order of their use.
/// </summary>
internal static class ProductKeys
{
    internal const int ValueLength = 100;

    /// <summary>So many keys in the order in which entries are made.</summary>
    internal static string[] ToFill(int count) => Texts([.. Enumerable.Range(0, count)]);

    /// <summary>The same keys in an order that no prefetcher of entries can guess; the same on every run.</summary>
    internal static string[] ToAskFor(int count)
    {
        int[] numbers = [.. Enumerable.Range(0, count)];
        new Random(4711).Shuffle(numbers);
        return Texts(numbers);
    }

    /// <summary>A value that is also readable text.</summary>
    internal static byte[] Value(int length = ValueLength)
    {
        byte[] value = new byte[length];
        for (int index = 0; index < value.Length; index++)
        {
            value[index] = (byte)('a' + (index % 26));
        }

        return value;
    }

    private static string[] Texts(int[] numbers) =>
        [.. numbers.Select(static number => string.Create(CultureInfo.InvariantCulture, $"product:{number}"))];
}
