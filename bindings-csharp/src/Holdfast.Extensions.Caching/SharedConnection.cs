namespace Holdfast.Extensions.Caching;

/// <summary>
/// A store on the connection of the application's own client, which outlives the cache. Stores that this client makes
/// are coordination stores unless it was told otherwise; one that is made for a cache is of class cache. A store that
/// was made as a coordination store serves too.
/// </summary>
internal sealed class SharedConnection(HoldfastClient client, string storeName, HoldfastStoreOptions settings) : ICacheConnection
{
    public HoldfastClient Open()
    {
        var view = client.Store(storeName, settings, HoldfastStoreClass.Cache);
        _ = view.StoreName; // opens it, and fails here where that shows at once
        return view;
    }
}
