using System.Buffers;

namespace Holdfast;

/// <summary>A growing buffer from the shared pool, for one value at a time; one waits on each thread for reuse.</summary>
internal sealed class PooledBuffer : IBufferWriter<byte>, IDisposable
{
    [ThreadStatic]
    private static PooledBuffer? s_spare;

    private byte[] _bytes = [];
    private int _length;

    private PooledBuffer()
    {
    }

    internal ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    internal static PooledBuffer Rent()
    {
        // A serializer may itself call Holdfast on this thread, so the spare is taken, not shared.
        PooledBuffer buffer = s_spare ?? new PooledBuffer();
        s_spare = null;
        return buffer;
    }

    public void Dispose()
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }

        _bytes = [];
        _length = 0;
        s_spare = this;
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _bytes.Length - _length);
        _length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(_length);
    }

    private void Reserve(int sizeHint)
    {
        int needed = checked(_length + Math.Max(sizeHint, 1));
        if (needed <= _bytes.Length)
        {
            return;
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, _bytes.Length * 2));
        Written.CopyTo(larger);
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }

        _bytes = larger;
    }
}
