namespace ThreeServers.Shop;

/// <summary>Where products are kept for a while, so that the database is not asked again.</summary>
public interface IProductCache
{
    Task<Product?> GetAsync(int id, CancellationToken cancelled);

    Task SetAsync(Product product, CancellationToken cancelled);

    Task RemoveAsync(int id, CancellationToken cancelled);
}
