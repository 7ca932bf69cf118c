namespace Holdfast.Interop;

/// <summary>One request before it is submitted: its numbers, and the memory that it points to while it is.</summary>
internal ref struct Operation
{
    internal HfRequest.Unmanaged Request;
    internal HoldfastKey Key;
    internal ReadOnlySpan<byte> Prefix;
    internal ReadOnlySpan<byte> Payload;
    internal ReadOnlySpan<byte> Cursor;
    internal RequestItems? Items;
    internal EchoMode EchoMode;

    internal Operation(Op op, scoped in HoldfastKey key, ReadOnlySpan<byte> prefix)
    {
        Request.op = (uint)op;
        Key = key;
        Prefix = prefix;
    }

    /// <summary>An operation without a key.</summary>
    internal Operation(Op op) => Request.op = (uint)op;

    internal readonly Op Op => (Op)Request.op;

    internal void Add(RequestFlags flags) => Request.flags |= (uint)flags;

    /// <summary>Whether a key must be there; ranges, items and stores do without.</summary>
    internal readonly bool HasKey => !Key.IsNull || Op is >= Op.Get and <= Op.Increment;
}
