using System.Text.Json;
using Microsoft.Extensions.Caching.Distributed;

namespace ThreeServers.Shop;

/// <summary>In the distributed cache that the application is configured with: all instances see the same.</summary>
public sealed class SharedProductCache(IDistributedCache cache) : IProductCache
{
    private static readonly DistributedCacheEntryOptions TenMinutes = new()
    {
        AbsoluteExpirationRelativeToNow = TimeSpan.FromMinutes(10),
    };

    public async Task<Product?> GetAsync(int id, CancellationToken cancelled) =>
        await cache.GetAsync(KeyOf(id), cancelled) is { } product ? JsonSerializer.Deserialize<Product>(product) : null;

    public Task SetAsync(Product product, CancellationToken cancelled) =>
        cache.SetAsync(KeyOf(product.Id), JsonSerializer.SerializeToUtf8Bytes(product), TenMinutes, cancelled);

    public Task RemoveAsync(int id, CancellationToken cancelled) => cache.RemoveAsync(KeyOf(id), cancelled);

    private static string KeyOf(int id) => $"product:{id}";
}
