using Microsoft.Extensions.Caching.Memory;

namespace ThreeServers.Shop;

/// <summary>In the memory of this process. The other instances have their own, and learn nothing of this one.</summary>
public sealed class MemoryProductCache(IMemoryCache cache) : IProductCache
{
    public Task<Product?> GetAsync(int id, CancellationToken cancelled) => Task.FromResult(cache.Get<Product>(KeyOf(id)));

    public Task SetAsync(Product product, CancellationToken cancelled)
    {
        cache.Set(KeyOf(product.Id), product, TimeSpan.FromMinutes(10));
        return Task.CompletedTask;
    }

    public Task RemoveAsync(int id, CancellationToken cancelled)
    {
        cache.Remove(KeyOf(id));
        return Task.CompletedTask;
    }

    private static string KeyOf(int id) => $"product:{id}";
}
