using System.Runtime.InteropServices;

namespace Holdfast.Interop;

/// <summary>An answer whose data is readable: native memory, the caller's stack, or an array when it came later.</summary>
internal readonly ref struct Reply
{
    private readonly ref readonly HfReply.Unmanaged _fields;

    internal Reply(ref readonly HfReply.Unmanaged fields, ReadOnlySpan<byte> data, byte[]? array = null)
    {
        _fields = ref fields;
        Data = data;
        Array = array;
    }

    internal ReadOnlySpan<byte> Data { get; }

    /// <summary>The data as an array of exactly its length that the reader may keep; null when there is none.</summary>
    internal byte[]? Array { get; }

    internal Status Status => (Status)_fields.status;

    internal HoldfastErrorCode Code => (HoldfastErrorCode)_fields.code;

    internal ReplyFlags Flags => (ReplyFlags)_fields.flags;

    internal bool Found => (Flags & ReplyFlags.Found) != 0;

    internal bool Applied => (Flags & ReplyFlags.Applied) != 0;

    internal long Version => _fields.version;

    internal long Number => _fields.number;

    internal long Previous => _fields.previous;

    internal long TtlMs => _fields.ttl_ms;

    internal long AbsoluteUnixMs => _fields.absolute_unix_ms;

    /// <summary>The items at the start of the data.</summary>
    internal ReadOnlySpan<HfItem.Unmanaged> Items =>
        MemoryMarshal.Cast<byte, HfItem.Unmanaged>(Data)[..(int)_fields.items];

    internal ReadOnlySpan<byte> KeyOf(in HfItem.Unmanaged item) =>
        Data.Slice(checked((int)item.key_offset), checked((int)item.key_length));

    internal ReadOnlySpan<byte> ValueOf(in HfItem.Unmanaged item) =>
        Data.Slice(checked((int)item.value_offset), checked((int)item.value_length));
}
