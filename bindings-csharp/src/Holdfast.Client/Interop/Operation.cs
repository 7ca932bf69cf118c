namespace Holdfast.Interop;

/// <summary>
/// One request before it is submitted: its numbers, and the memory that it points to while it is. It is large, so it
/// has no constructors and is passed by reference: what fills it in writes to the caller's own.
/// </summary>
internal ref struct Operation
{
    internal HfRequest.Unmanaged Request;
    internal HoldfastKey Key;
    internal ReadOnlySpan<byte> Prefix;
    internal ReadOnlySpan<byte> Payload;
    internal ReadOnlySpan<byte> Cursor;
    internal RequestItems? Items;
    internal EchoMode EchoMode;

    /// <summary>How it travelled, once its reply is there. Not of one that pends as a task.</summary>
    internal Journey Journey;

    internal Op Op
    {
        readonly get => (Op)Request.op;
        set => Request.op = (uint)value;
    }

    /// <summary>Whether a key must be there; ranges, items and stores do without.</summary>
    internal readonly bool HasKey => !Key.IsNull || Op is >= Op.Get and <= Op.Increment;

    /// <summary>Whether nothing but a key goes with the numbers.</summary>
    internal readonly bool HasOnlyKey => Op is Op.Get or Op.Exists or Op.Refresh;

    internal void Add(RequestFlags flags) => Request.flags |= (uint)flags;
}
