using System.Buffers;
using Holdfast.Interop;

namespace Holdfast;

/// <content>Bytes as they are, for <c>IDistributedCache</c>: its rules for deadlines, and one allocation for a hit.</content>
public partial class HoldfastClient
{
    internal byte[]? GetRaw(string key)
    {
        Begin(Op.Get, key, null, out Operation operation);
        return Send<byte[]?, BytesReader>(ref operation, new BytesReader(Context), CancellationToken.None);
    }

    internal ValueTask<byte[]?> GetRawAsync(string key, CancellationToken cancellationToken)
    {
        Begin(Op.Get, key, null, out Operation operation);
        return SendAsync<byte[]?, BytesReader>(ref operation, new BytesReader(Context), cancellationToken);
    }

    internal bool TryGetRaw(string key, IBufferWriter<byte> destination)
    {
        Begin(Op.Get, key, null, out Operation operation);
        return Send<bool, BufferReader>(ref operation, new BufferReader(Context, destination), CancellationToken.None);
    }

    internal ValueTask<bool> TryGetRawAsync(string key, IBufferWriter<byte> destination, CancellationToken cancellationToken)
    {
        Begin(Op.Get, key, null, out Operation operation);
        return SendAsync<bool, BufferReader>(ref operation, new BufferReader(Context, destination), cancellationToken);
    }

    internal void PutRaw(string key, ReadOnlySpan<byte> value, in RawExpiry expiry, bool neverEvict)
    {
        BeginPutRaw(key, expiry, neverEvict, out scoped Operation operation);
        operation.Payload = value;
        Send<long, VersionReader>(ref operation, default, CancellationToken.None);
    }

    internal void PutRaw(string key, in ReadOnlySequence<byte> value, in RawExpiry expiry, bool neverEvict)
    {
        if (value.IsSingleSegment)
        {
            PutRaw(key, value.FirstSpan, expiry, neverEvict);
            return;
        }

        byte[] joined = Join(value, out int length);
        try
        {
            PutRaw(key, joined.AsSpan(0, length), expiry, neverEvict);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(joined);
        }
    }

    internal ValueTask PutRawAsync(
        string key,
        ReadOnlySpan<byte> value,
        in RawExpiry expiry,
        bool neverEvict,
        CancellationToken cancellationToken)
    {
        BeginPutRaw(key, expiry, neverEvict, out scoped Operation operation);
        operation.Payload = value;
        return SendWithoutResultAsync<long, VersionReader>(ref operation, default, cancellationToken);
    }

    internal ValueTask PutRawAsync(
        string key,
        in ReadOnlySequence<byte> value,
        in RawExpiry expiry,
        bool neverEvict,
        CancellationToken cancellationToken)
    {
        if (value.IsSingleSegment)
        {
            return PutRawAsync(key, value.FirstSpan, expiry, neverEvict, cancellationToken);
        }

        byte[] joined = Join(value, out int length);
        try
        {
            return PutRawAsync(key, joined.AsSpan(0, length), expiry, neverEvict, cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(joined);
        }
    }

    internal void RefreshRaw(string key)
    {
        Begin(Op.Refresh, key, null, out Operation operation);
        Send<bool, FoundReader>(ref operation, default, CancellationToken.None);
    }

    internal ValueTask RefreshRawAsync(string key, CancellationToken cancellationToken)
    {
        Begin(Op.Refresh, key, null, out Operation operation);
        return SendWithoutResultAsync<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    internal void RemoveRaw(string key)
    {
        Begin(Op.Delete, key, null, out Operation operation);
        Send<bool, AppliedReader>(ref operation, default, CancellationToken.None);
    }

    internal ValueTask RemoveRawAsync(string key, CancellationToken cancellationToken)
    {
        Begin(Op.Delete, key, null, out Operation operation);
        return SendWithoutResultAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    private static byte[] Join(in ReadOnlySequence<byte> value, out int length)
    {
        length = checked((int)value.Length);
        byte[] joined = ArrayPool<byte>.Shared.Rent(length);
        value.CopyTo(joined);
        return joined;
    }

    private void BeginPutRaw(string key, scoped in RawExpiry expiry, bool neverEvict, out Operation operation)
    {
        Begin(Op.Put, key, null, out operation);
        operation.Add(RequestFlags.LenientExpiry | (neverEvict ? RequestFlags.NeverEvict : RequestFlags.None));
        operation.Request.ttl_ms = expiry.TtlMs;
        operation.Request.sliding_ms = expiry.SlidingMs;
        operation.Request.absolute_unix_ms = expiry.AbsoluteUnixMs;
    }
}
