using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;

namespace Holdfast;

/// <summary>Turns keys into bytes: a view's prefix and the key in one piece, without allocating for short keys.</summary>
internal static class KeyEncoding
{
    /// <summary>
    /// The bytes of a prefix and a key: the key's own memory, a part of <paramref name="room"/>, or an array that
    /// is <paramref name="rented"/> from the shared pool and to be given back by the caller.
    /// </summary>
    internal static ReadOnlySpan<byte> Encode(
        in HoldfastKey key,
        ReadOnlySpan<byte> prefix,
        Span<byte> room,
        ref byte[]? rented)
    {
        if (key.IsBytes)
        {
            return EncodeBytes(key.Bytes.Span, prefix, room, ref rented);
        }

        if (key.IsNull)
        {
            ThrowNull();
        }

        string text = key.Text;

        // Three bytes is the most that one UTF-16 unit takes.
        if (prefix.Length + ((long)text.Length * 3) > room.Length)
        {
            int exact = ExactLength(text, prefix.Length);
            if (exact > room.Length)
            {
                room = rented = ArrayPool<byte>.Shared.Rent(exact);
            }
        }

        if (!prefix.IsEmpty)
        {
            prefix.CopyTo(room);
        }

        OperationStatus status = Utf8.FromUtf16(
            text, room[prefix.Length..], out _, out int written, replaceInvalidSequences: false);
        if (status != OperationStatus.Done)
        {
            ThrowNotText(key);
        }

        if (prefix.Length + written == 0)
        {
            ThrowEmpty();
        }

        return room[..(prefix.Length + written)];
    }

    /// <summary>
    /// Encodes a key of text that surely fits into the room. False leaves all other keys to <see cref="Encode"/>,
    /// which also refuses the wrong ones.
    /// </summary>
    internal static bool TryEncodeShort(in HoldfastKey key, ReadOnlySpan<byte> prefix, Span<byte> room, out int length)
    {
        length = 0;
        if (key.IsNull || key.IsBytes)
        {
            return false;
        }

        string text = key.Text;
        if (prefix.Length + ((long)text.Length * 3) > room.Length)
        {
            return false;
        }

        if (!prefix.IsEmpty)
        {
            prefix.CopyTo(room);
        }

        OperationStatus status = Utf8.FromUtf16(
            text, room[prefix.Length..], out _, out int written, replaceInvalidSequences: false);
        length = prefix.Length + written;
        return status == OperationStatus.Done && length > 0;
    }

    /// <summary>The bytes of a prefix and a key as a new array.</summary>
    internal static byte[] ToArray(in HoldfastKey key, ReadOnlySpan<byte> prefix)
    {
        byte[]? rented = null;
        try
        {
            return Encode(key, prefix, stackalloc byte[256], ref rented).ToArray();
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    /// <summary>The bytes of a bound of a range, which may be empty; null stands for the empty one.</summary>
    internal static byte[] BoundToArray(in HoldfastKey key, ReadOnlySpan<byte> prefix)
    {
        bool isEmpty = key.IsNull || (key.IsBytes ? key.Bytes.IsEmpty : key.Text.Length == 0);
        return isEmpty ? prefix.ToArray() : ToArray(key, prefix);
    }

    /// <summary>The bytes for comparing and showing: text that is no valid UTF-16 does not throw here.</summary>
    internal static byte[] Lenient(in HoldfastKey key) =>
        key.IsBytes ? key.Bytes.ToArray() : Encoding.UTF8.GetBytes(key.Text);

    private static ReadOnlySpan<byte> EncodeBytes(
        ReadOnlySpan<byte> bytes,
        ReadOnlySpan<byte> prefix,
        Span<byte> room,
        ref byte[]? rented)
    {
        int length = checked(prefix.Length + bytes.Length);
        if (length == 0)
        {
            ThrowEmpty();
        }

        if (prefix.IsEmpty)
        {
            return bytes;
        }

        if (length > room.Length)
        {
            room = rented = ArrayPool<byte>.Shared.Rent(length);
        }

        prefix.CopyTo(room);
        bytes.CopyTo(room[prefix.Length..]);
        return room[..length];
    }

    private static int ExactLength(string text, int prefixLength) =>
        checked(prefixLength + Encoding.UTF8.GetByteCount(text));

    [DoesNotReturn]
    private static void ThrowNull() => throw new ArgumentNullException("key");

    [DoesNotReturn]
    private static void ThrowEmpty() =>
        throw new ArgumentException("The key is empty: a key has 1 byte to 32 KiB.", "key");

    [DoesNotReturn]
    private static void ThrowNotText(in HoldfastKey key) => throw new ArgumentException(
        $"The key \"{key.ToMessage()}\" is not valid UTF-16: it has half a surrogate pair.", nameof(key));
}
