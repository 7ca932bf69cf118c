using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>Reads a page of entries.</summary>
internal readonly struct ScanReader<T>(ValueContext context, int prefixLength, JsonTypeInfo<T>? typeInfo)
    : IReplyReader<ScanPage<ScanEntry<T>>>
{
    public ScanPage<ScanEntry<T>> Read(in Reply reply)
    {
        var entries = new List<ScanEntry<T>>(reply.Items.Length);
        foreach (ref readonly HfItem.Unmanaged item in reply.Items)
        {
            if ((Status)item.status == Status.Cursor || context.HasLapsed(item.absolute_unix_ms))
            {
                continue;
            }

            HoldfastKey key = reply.KeyOf(item)[prefixLength..].ToArray();
            entries.Add(new ScanEntry<T>(
                key,
                ValueFormat<T>.Read(reply.ValueOf(item), key, context, typeInfo),
                item.version,
                context.ExpiresAt(item.ttl_ms)));
        }

        return new ScanPage<ScanEntry<T>>(entries, NextOf(reply));
    }

    internal static ScanCursor? NextOf(in Reply reply)
    {
        ReadOnlySpan<HfItem.Unmanaged> items = reply.Items;
        return items.Length > 0 && (Status)items[^1].status == Status.Cursor
            ? new ScanCursor(reply.KeyOf(items[^1]).ToArray())
            : null;
    }
}

/// <summary>Reads a page of keys.</summary>
internal readonly struct ScanKeysReader(ValueContext context, int prefixLength) : IReplyReader<ScanPage<HoldfastKey>>
{
    public ScanPage<HoldfastKey> Read(in Reply reply)
    {
        var keys = new List<HoldfastKey>(reply.Items.Length);
        foreach (ref readonly HfItem.Unmanaged item in reply.Items)
        {
            if ((Status)item.status != Status.Cursor && !context.HasLapsed(item.absolute_unix_ms))
            {
                keys.Add(reply.KeyOf(item)[prefixLength..].ToArray());
            }
        }

        return new ScanPage<HoldfastKey>(keys, ScanReader<byte[]>.NextOf(reply));
    }
}
