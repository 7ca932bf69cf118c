using System.Buffers;

namespace Holdfast.Interop;

/// <summary>
/// The items of a request for many keys: their keys and values in one pooled array, pointed to by offsets until the
/// moment of the submit. Used once.
/// </summary>
internal sealed class RequestItems : IDisposable
{
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(512);
    private int _length;
    private HfRequest.Unmanaged[] _items = ArrayPool<HfRequest.Unmanaged>.Shared.Rent(16);

    internal int Count { get; private set; }

    internal ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    internal Span<HfRequest.Unmanaged> Requests => _items.AsSpan(0, Count);

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        ArrayPool<HfRequest.Unmanaged>.Shared.Return(_items);
        _bytes = [];
        _items = [];
        Count = 0;
        _length = 0;
    }

    /// <summary>Adds an item; the result is valid until the next one is added.</summary>
    internal ref HfRequest.Unmanaged Add(Op op, in HoldfastKey key, ReadOnlySpan<byte> prefix)
    {
        byte[]? rented = null;
        try
        {
            ReadOnlySpan<byte> encoded = KeyEncoding.Encode(key, prefix, stackalloc byte[256], ref rented);
            if (Count == _items.Length)
            {
                Grow(ref _items, Count + 1, Count);
            }

            ref HfRequest.Unmanaged item = ref _items[Count];
            item = default;
            item.op = (uint)op;
            item.key = Append(encoded);
            item.key_length = (uint)encoded.Length;
            Count++;
            return ref item;
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    internal void SetPayload(ref HfRequest.Unmanaged item, ReadOnlySpan<byte> payload)
    {
        item.payload = Append(payload);
        item.payload_length = (uint)payload.Length;
    }

    private static void Grow<T>(ref T[] array, int needed, int used)
    {
        T[] larger = ArrayPool<T>.Shared.Rent(Math.Max(needed, (int)Math.Min(array.Length * 2L, Array.MaxLength)));
        array.AsSpan(0, used).CopyTo(larger);
        ArrayPool<T>.Shared.Return(array);
        array = larger;
    }

    private nint Append(ReadOnlySpan<byte> bytes)
    {
        int offset = _length;
        int needed = checked(offset + bytes.Length);
        if (needed > _bytes.Length)
        {
            Grow(ref _bytes, needed, offset);
        }

        bytes.CopyTo(_bytes.AsSpan(offset));
        _length = needed;
        return offset;
    }
}
