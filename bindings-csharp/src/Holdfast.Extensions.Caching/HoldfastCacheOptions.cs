using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching;

/// <summary>
/// Settings of the distributed cache: where its store is, what its keys are prefixed with, and how long its entries
/// live. The settings that it inherits are those of the store, whose class is cache unless told otherwise. Fixed
/// when the cache is made: a later reload of the configuration is only logged.
/// </summary>
public class HoldfastCacheOptions : HoldfastStoreOptions
{
    /// <summary>The store that is used when nothing names one.</summary>
    public const string DefaultStoreName = "cache";

    /// <summary>
    /// Where the cache is: <c>holdfast://embedded/cache?max-memory=64MiB</c>. Without one the connection of
    /// <c>AddHoldfast</c> is used with the store <see cref="StoreName"/>, and if there is none a store in this process.
    /// </summary>
    public string? ConnectionString { get; set; }

    /// <summary>
    /// The store, <c>cache</c> when null. Only without a <see cref="ConnectionString"/>, which names its own.
    /// </summary>
    public string? StoreName { get; set; }

    /// <summary>
    /// Put before every key, as it is. Applications and caches that share a store take one each.
    /// </summary>
    public string? InstanceName { get; set; }

    /// <summary>
    /// What holds for entries that are set without any expiry. They never expire when this is null.
    /// </summary>
    public DistributedCacheEntryOptions? DefaultEntryOptions { get; set; }

    /// <summary>
    /// Keys that begin so (after <see cref="InstanceName"/>) are never evicted, and <see cref="DefaultEntryOptions"/>
    /// do not hold for them. They are the markers in which HybridCache and FusionCache keep that a tag was
    /// invalidated: without its marker the invalidated entries would come back to life. A FusionCache with a
    /// <c>CacheKeyPrefix</c> needs <c>"v2:" + prefix + "__fc:t:"</c> added.
    /// </summary>
    public IList<string> PinnedKeyPrefixes { get; set; } = ["__MSFT_HCT__", "__fc:t:", "v2:__fc:t:"];
}
