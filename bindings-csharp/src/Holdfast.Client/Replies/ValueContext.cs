using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>What reading a value needs of its client: the serializer, the clock, and for messages the store.</summary>
internal sealed class ValueContext(IHoldfastSerializer serializer, TimeProvider clock, StoreLink? store = null)
{
    internal IHoldfastSerializer Serializer { get; } = serializer;

    internal TimeProvider Clock { get; } = clock;

    /// <summary>The store's name. Only for what has been read from it: it is open.</summary>
    internal string StoreName => store?.Open.Name ?? "";

    internal ValueContext Of(StoreLink link) => new(Serializer, Clock, link);

    /// <summary>
    /// Whether an absolute expiration has passed by this client's clock, though the node's has not come that far.
    /// </summary>
    internal bool HasLapsed(long absoluteUnixMs) =>
        absoluteUnixMs != 0 && Clock.GetUtcNow().ToUnixTimeMilliseconds() >= absoluteUnixMs;

    internal DateTimeOffset? ExpiresAt(long ttlMs) => ttlMs < 0 ? null : Clock.GetUtcNow().AddMilliseconds(ttlMs);

    internal Lookup<T> LookupOf<T>(in HfItem.Unmanaged item, ReadOnlySpan<byte> value, in HoldfastKey key, JsonTypeInfo<T>? typeInfo) =>
        ((ReplyFlags)item.flags & ReplyFlags.Found) == 0 || HasLapsed(item.absolute_unix_ms)
            ? default
            : new Lookup<T>(
                ValueFormat<T>.Read(value, key, this, typeInfo), item.version, ExpiresAt(item.ttl_ms));
}
