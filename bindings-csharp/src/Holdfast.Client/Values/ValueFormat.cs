using System.Buffers;
using System.Text;
using System.Text.Json.Serialization.Metadata;

namespace Holdfast;

/// <summary>
/// The value format, which is stored: text is UTF-8, bytes are as they are, numbers, bool, <see cref="Guid"/> and
/// times are invariant round-trip text, all else goes through the serializer. Decided once for each type.
/// </summary>
/// <typeparam name="T">The type that the caller named.</typeparam>
internal static class ValueFormat<T>
{
    /// <summary>How the type is written without a serializer; null: it needs one.</summary>
    internal static readonly IScalarFormat<T>? Scalar = (IScalarFormat<T>?)ScalarFormats.Of(typeof(T));

    /// <summary>Reads a value; what cannot be read is an error that names key, store and type.</summary>
    internal static T Read(
        ReadOnlySpan<byte> bytes,
        in HoldfastKey key,
        ValueContext context,
        JsonTypeInfo<T>? typeInfo)
    {
        if (typeInfo is null)
        {
            if (typeof(T) == typeof(string))
            {
                return (T)(object)ReadText(bytes, key, context);
            }

            if (typeof(T) == typeof(byte[]))
            {
                return (T)(object)bytes.ToArray();
            }

            if (Scalar is { } scalar)
            {
                return scalar.TryRead(bytes, out T? value) ? value! : throw NotItsText(key, context);
            }
        }

        return Deserialize(bytes, key, context, typeInfo);
    }

    private static string ReadText(ReadOnlySpan<byte> bytes, in HoldfastKey key, ValueContext context)
    {
        try
        {
            return StrictUtf8.Encoding.GetString(bytes);
        }
        catch (DecoderFallbackException error)
        {
            throw Unreadable(key, context, error);
        }
    }

    private static T Deserialize(
        ReadOnlySpan<byte> bytes,
        in HoldfastKey key,
        ValueContext context,
        JsonTypeInfo<T>? typeInfo)
    {
        byte[]? copy = null;
        try
        {
            if (typeInfo is not null)
            {
                return HoldfastJsonSerializer.Read(bytes, typeInfo);
            }

            if (context.Serializer is HoldfastJsonSerializer json)
            {
                return json.Deserialize<T>(bytes);
            }

            // A sequence needs managed memory; the bytes may lie on the stack or in native memory.
            copy = ArrayPool<byte>.Shared.Rent(bytes.Length);
            bytes.CopyTo(copy);
            return context.Serializer.Deserialize<T>(new ReadOnlySequence<byte>(copy, 0, bytes.Length));
        }
        catch (Exception error) when (error is not HoldfastException)
        {
            throw Unreadable(key, context, error);
        }
        finally
        {
            if (copy is not null)
            {
                ArrayPool<byte>.Shared.Return(copy);
            }
        }
    }

    private static HoldfastException NotItsText(in HoldfastKey key, ValueContext context)
    {
        Type type = Nullable.GetUnderlyingType(typeof(T)) ?? typeof(T);
        string range = type == typeof(bool) || type == typeof(Guid) ? "" : " (or is out of its range)";
        return new HoldfastException(
            HoldfastErrorCode.Serialization,
            $"The value of key \"{key.ToMessage()}\" in store '{context.StoreName}' is not the text of a {type}{range}.");
    }

    private static HoldfastException Unreadable(in HoldfastKey key, ValueContext context, Exception cause) => new(
        HoldfastErrorCode.Serialization,
        $"The value of key \"{key.ToMessage()}\" in store '{context.StoreName}' cannot be read as '{typeof(T)}': {cause.Message}",
        innerException: cause);
}
