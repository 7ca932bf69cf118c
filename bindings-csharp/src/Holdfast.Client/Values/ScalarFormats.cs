using System.Globalization;
using System.Text;

namespace Holdfast;

/// <summary>The types that are written without a serializer.</summary>
internal static class ScalarFormats
{
    private static readonly Dictionary<Type, object> ByType = new()
    {
        [typeof(string)] = new TextFormat(),
        [typeof(byte[])] = new BytesFormat(),
        [typeof(ReadOnlyMemory<byte>)] = new MemoryFormat(),
    };

    static ScalarFormats()
    {
        AddInteger<sbyte>();
        AddInteger<byte>();
        AddInteger<short>();
        AddInteger<ushort>();
        AddInteger<int>();
        AddInteger<uint>();
        AddInteger<long>();
        AddInteger<ulong>();
        AddInteger<nint>();
        AddInteger<nuint>();
        AddInteger<Int128>();
        AddInteger<UInt128>();
        Add("R", static (ReadOnlySpan<char> text, out Half value) => Half.TryParse(text, Floating, Invariant, out value));
        Add("R", static (ReadOnlySpan<char> text, out float value) => float.TryParse(text, Floating, Invariant, out value));
        Add("R", static (ReadOnlySpan<char> text, out double value) => double.TryParse(text, Floating, Invariant, out value));
        Add("G", static (ReadOnlySpan<char> text, out decimal value) => decimal.TryParse(text, Floating, Invariant, out value));
        Add("D", static (ReadOnlySpan<char> text, out Guid value) => Guid.TryParseExact(text, "D", out value));
        Add("c", static (ReadOnlySpan<char> text, out TimeSpan value) => TimeSpan.TryParseExact(text, "c", Invariant, out value));
        Add("O", static (ReadOnlySpan<char> text, out DateTime value) =>
            DateTime.TryParseExact(text, "O", Invariant, DateTimeStyles.RoundtripKind, out value));
        Add("O", static (ReadOnlySpan<char> text, out DateTimeOffset value) =>
            DateTimeOffset.TryParseExact(text, "O", Invariant, DateTimeStyles.None, out value));
        AddBoth(new BoolFormat());
    }

    private static CultureInfo Invariant => CultureInfo.InvariantCulture;

    private static NumberStyles Floating => NumberStyles.Float;

    internal static object? Of(Type type) => ByType.GetValueOrDefault(type);

    private static void AddInteger<T>()
        where T : struct, System.Numerics.IBinaryInteger<T> =>
        Add("D", static (ReadOnlySpan<char> text, out T value) =>
            T.TryParse(text, NumberStyles.AllowLeadingSign, Invariant, out value));

    private static void Add<T>(string format, SpanFormat<T>.Parse parse)
        where T : struct, IUtf8SpanFormattable => AddBoth(new SpanFormat<T>(format, parse));

    private static void AddBoth<T>(IScalarFormat<T> format)
        where T : struct
    {
        ByType.Add(typeof(T), format);
        ByType.Add(typeof(T?), new NullableFormat<T>(format));
    }

    private sealed class TextFormat : IScalarFormat<string>
    {
        // Written by EncodedValue itself, which owns the room that long text needs.
        public void Write(string value, Span<byte> room, ref EncodedValue encoded) =>
            encoded.Set(Encoding.UTF8.GetBytes(value));

        public bool TryRead(ReadOnlySpan<byte> bytes, out string? value)
        {
            value = Encoding.UTF8.GetString(bytes);
            return true;
        }
    }

    private sealed class BytesFormat : IScalarFormat<byte[]>
    {
        public void Write(byte[] value, Span<byte> room, ref EncodedValue encoded) => encoded.Set(value);

        public bool TryRead(ReadOnlySpan<byte> bytes, out byte[]? value)
        {
            value = bytes.ToArray();
            return true;
        }
    }

    private sealed class MemoryFormat : IScalarFormat<ReadOnlyMemory<byte>>
    {
        public void Write(ReadOnlyMemory<byte> value, Span<byte> room, ref EncodedValue encoded) => encoded.Set(value.Span);

        public bool TryRead(ReadOnlySpan<byte> bytes, out ReadOnlyMemory<byte> value)
        {
            value = bytes.ToArray();
            return true;
        }
    }

    private sealed class BoolFormat : IScalarFormat<bool>
    {
        public void Write(bool value, Span<byte> room, ref EncodedValue encoded) =>
            encoded.Set(value ? "true"u8 : "false"u8);

        public bool TryRead(ReadOnlySpan<byte> bytes, out bool value)
        {
            value = bytes.SequenceEqual("true"u8);
            return value || bytes.SequenceEqual("false"u8);
        }
    }

    private sealed class NullableFormat<T>(IScalarFormat<T> format) : IScalarFormat<T?>
        where T : struct
    {
        // Putting null is refused before this is reached.
        public void Write(T? value, Span<byte> room, ref EncodedValue encoded) =>
            format.Write(value.GetValueOrDefault(), room, ref encoded);

        public bool TryRead(ReadOnlySpan<byte> bytes, out T? value)
        {
            bool isRead = format.TryRead(bytes, out T present);
            value = present;
            return isRead;
        }
    }
}
