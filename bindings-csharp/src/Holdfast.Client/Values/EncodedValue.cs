using System.Buffers;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;

namespace Holdfast;

/// <summary>A value in the value format: in its own memory, on the caller's stack, or in a pooled buffer.</summary>
internal ref struct EncodedValue
{
    /// <summary>What callers put on their stack for a short value.</summary>
    internal const int RoomLength = 256;

    private byte[]? _rented;
    private PooledBuffer? _buffer;

    internal ReadOnlySpan<byte> Bytes { get; private set; }

    internal static EncodedValue Of<T>(
        T value,
        Span<byte> room,
        IHoldfastSerializer serializer,
        JsonTypeInfo<T>? typeInfo)
    {
        if (value is null)
        {
            throw new ArgumentNullException(nameof(value));
        }

        var encoded = default(EncodedValue);
        if (typeInfo is not null)
        {
            encoded.Serialize(value, null, typeInfo);
        }
        else if (typeof(T) == typeof(string))
        {
            encoded.EncodeText((string)(object)value, room);
        }
        else if (ValueFormat<T>.Scalar is { } scalar)
        {
            scalar.Write(value, room, ref encoded);
        }
        else
        {
            encoded.Serialize(value, serializer, null);
        }

        return encoded;
    }

    internal void Set(ReadOnlySpan<byte> bytes) => Bytes = bytes;

    internal void Dispose()
    {
        if (_rented is not null)
        {
            ArrayPool<byte>.Shared.Return(_rented);
        }

        _buffer?.Dispose();
        this = default;
    }

    private void EncodeText(string text, Span<byte> room)
    {
        if ((long)text.Length * 3 > room.Length)
        {
            int length = Encoding.UTF8.GetByteCount(text);
            if (length > room.Length)
            {
                room = _rented = ArrayPool<byte>.Shared.Rent(length);
            }
        }

        if (Utf8.FromUtf16(text, room, out _, out int written, replaceInvalidSequences: false) != OperationStatus.Done)
        {
            Dispose();
            throw new HoldfastException(
                HoldfastErrorCode.Serialization,
                "The text is not valid UTF-16: it has half a surrogate pair, which UTF-8 cannot hold.");
        }

        Bytes = room[..written];
    }

    private void Serialize<T>(T value, IHoldfastSerializer? serializer, JsonTypeInfo<T>? typeInfo)
    {
        _buffer = PooledBuffer.Rent();
        try
        {
            if (typeInfo is not null)
            {
                HoldfastJsonSerializer.Write(value, _buffer, typeInfo);
            }
            else
            {
                serializer!.Serialize(value, _buffer);
            }
        }
        catch (Exception error) when (error is not HoldfastException)
        {
            Dispose();
            throw new HoldfastException(
                HoldfastErrorCode.Serialization,
                $"The value of type '{typeof(T)}' cannot be written: {error.Message}",
                innerException: error);
        }
        catch
        {
            Dispose();
            throw;
        }

        Bytes = _buffer.Written;
    }
}
