using Microsoft.Extensions.Options;

namespace Holdfast.Extensions.Caching;

/// <summary>
/// Tells the options of <c>AddHoldfast</c> which store a cache uses over its connection, with which settings, so that
/// whoever opens the store first (the cache, or a client keyed by the store's name) opens it the same way.
/// </summary>
internal sealed class CacheStoreSettings(string cacheName, IOptionsMonitor<HoldfastCacheOptions> caches)
    : IPostConfigureOptions<HoldfastOptions>
{
    public void PostConfigure(string? name, HoldfastOptions options)
    {
        if (name != Options.DefaultName)
        {
            return;
        }

        var cache = caches.Get(cacheName);
        if (cache.ConnectionString is not null)
        {
            return;
        }

        var storeName = cache.StoreName ?? HoldfastCacheOptions.DefaultStoreName;
        options.CacheStores.Add(storeName);
        var settings = options.Stores.TryGetValue(storeName, out var given) ? SettingCopies.Of(given) : new HoldfastStoreOptions();
        SettingCopies.Overlay(settings, cache);
        options.Stores[storeName] = settings;
    }
}
