namespace ThreeServers.Shop;

/// <summary>Cache-aside: look into the cache, otherwise load and leave it there; whoever changes a product removes it.</summary>
public sealed class ProductService(IProductCache cache, ProductDatabase database)
{
    public async Task<Product?> GetAsync(int id, CancellationToken cancelled)
    {
        if (await cache.GetAsync(id, cancelled) is { } cached)
        {
            return cached;
        }

        var product = await database.FindAsync(id, cancelled);
        if (product is not null)
        {
            await cache.SetAsync(product, cancelled);
        }

        return product;
    }

    public async Task<bool> UpdateAsync(int id, ProductChange change, CancellationToken cancelled)
    {
        var updated = await database.UpdateAsync(id, change, cancelled);
        await cache.RemoveAsync(id, cancelled);
        return updated;
    }
}
