using System.Buffers;

namespace Holdfast;

/// <summary>
/// Writes and reads the values of types that Holdfast does not write itself (those are text, bytes, numbers, bool,
/// <see cref="Guid"/>, dates and times). Called from many threads at once.
/// </summary>
public interface IHoldfastSerializer
{
    /// <summary>Writes a value.</summary>
    /// <typeparam name="T">The type that the caller named.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="destination">Where it goes.</param>
    void Serialize<T>(T value, IBufferWriter<byte> destination);

    /// <summary>Reads a value.</summary>
    /// <typeparam name="T">The type that the caller named.</typeparam>
    /// <param name="source">The bytes, valid during the call only.</param>
    T Deserialize<T>(in ReadOnlySequence<byte> source);
}
