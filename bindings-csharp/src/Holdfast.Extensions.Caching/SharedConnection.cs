namespace Holdfast.Extensions.Caching;

/// <summary>
/// A store on the connection of the application's own client, which outlives the cache. Stores that this client makes
/// are coordination stores unless it was told otherwise, so the class is given here.
/// </summary>
internal sealed class SharedConnection(HoldfastClient client, string storeName, HoldfastStoreOptions settings) : ICacheConnection
{
    public HoldfastClient Open() => settings.Class is null ? OpenAsCache() : Open(settings);

    /// <summary>
    /// A store that does not exist yet is to become a cache; one that was made as a coordination store serves too.
    /// </summary>
    private HoldfastClient OpenAsCache()
    {
        var asCache = SettingCopies.Of(settings);
        asCache.Class = HoldfastStoreClass.Cache;
        try
        {
            return Open(asCache);
        }
        catch (HoldfastException conflict) when (conflict.Code == HoldfastErrorCode.StoreConflict)
        {
            try
            {
                return Open(settings);
            }
            catch (HoldfastException again) when (again.Code == HoldfastErrorCode.StoreConflict)
            {
                // The class was not (the only thing) in conflict, and the first error says everything that is.
                throw conflict;
            }
        }
    }

    private HoldfastClient Open(HoldfastStoreOptions given)
    {
        var view = client.Store(storeName, given);
        _ = view.StoreClass;
        return view;
    }
}
