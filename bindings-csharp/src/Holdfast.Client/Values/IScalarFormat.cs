namespace Holdfast;

/// <summary>Writes and reads the values of one type without a serializer.</summary>
/// <typeparam name="T">The type.</typeparam>
internal interface IScalarFormat<T>
{
    void Write(T value, Span<byte> room, ref EncodedValue encoded);

    bool TryRead(ReadOnlySpan<byte> bytes, out T? value);
}
