using System.Text.Json;
using Microsoft.Extensions.Caching.Distributed;

namespace ProductApi;

/// <summary>
/// Cache-aside: look into the cache, otherwise load and leave it there; whoever changes a product removes it. It knows
/// <see cref="IDistributedCache"/> only, so it would run over any other one unchanged.
/// </summary>
public sealed class ProductService(IDistributedCache cache, ProductDatabase database, CacheReport report)
{
    private static readonly DistributedCacheEntryOptions TenMinutes = new()
    {
        AbsoluteExpirationRelativeToNow = TimeSpan.FromMinutes(10),
    };

    public async Task<Product?> GetAsync(int id, CancellationToken cancelled)
    {
        using var timing = report.Begin();
        var cached = await cache.GetStringAsync(KeyOf(id), cancelled);
        if (cached is not null)
        {
            timing.Hit();
            return JsonSerializer.Deserialize<Product>(cached);
        }

        var product = await database.FindAsync(id, cancelled);
        if (product is not null)
        {
            timing.Miss();
            await cache.SetStringAsync(KeyOf(id), JsonSerializer.Serialize(product), TenMinutes, cancelled);
        }

        return product;
    }

    public async Task<bool> UpdateAsync(int id, ProductChange change, CancellationToken cancelled)
    {
        var updated = await database.UpdateAsync(id, change, cancelled);
        await cache.RemoveAsync(KeyOf(id), cancelled);
        return updated;
    }

    private static string KeyOf(int id) => $"product:{id}";
}
