using System.Buffers;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>Reads the value of a get, or null.</summary>
internal readonly struct BytesReader(ValueContext context) : IReplyReader<byte[]?>
{
    public static bool KeepsArray => true;

    public byte[]? Read(in Reply reply) =>
        !reply.Found || context.HasLapsed(reply.AbsoluteUnixMs) ? null : reply.Array ?? reply.Data.ToArray();
}

/// <summary>Writes the value of a get to the caller's buffer; nothing on a miss.</summary>
internal readonly struct BufferReader(ValueContext context, IBufferWriter<byte> destination) : IReplyReader<bool>
{
    public bool Read(in Reply reply)
    {
        if (!reply.Found || context.HasLapsed(reply.AbsoluteUnixMs))
        {
            return false;
        }

        destination.Write(reply.Data);
        return true;
    }
}

/// <summary>Reads the value of a get, or a default.</summary>
internal readonly struct ValueReader<T>(ValueContext context, HoldfastKey key, JsonTypeInfo<T>? typeInfo) : IReplyReader<T?>
{
    public T? Read(in Reply reply) =>
        !reply.Found || context.HasLapsed(reply.AbsoluteUnixMs)
            ? default
            : ValueFormat<T>.Read(reply.Data, key, context, typeInfo);
}

/// <summary>Reads the entry of a get.</summary>
internal readonly struct LookupReader<T>(ValueContext context, HoldfastKey key, JsonTypeInfo<T>? typeInfo) : IReplyReader<Lookup<T>>
{
    public Lookup<T> Read(in Reply reply) =>
        !reply.Found || context.HasLapsed(reply.AbsoluteUnixMs)
            ? default
            : new Lookup<T>(
                ValueFormat<T>.Read(reply.Data, key, context, typeInfo),
                reply.Version,
                context.ExpiresAt(reply.TtlMs));
}

/// <summary>Reads the former value that a change gives back, under the change's version.</summary>
internal readonly struct PreviousReader<T>(ValueContext context, HoldfastKey key, JsonTypeInfo<T>? typeInfo) : IReplyReader<Lookup<T>>
{
    public Lookup<T> Read(in Reply reply) =>
        reply.Found
            ? new Lookup<T>(ValueFormat<T>.Read(reply.Data, key, context, typeInfo), reply.Version)
            : default;
}
