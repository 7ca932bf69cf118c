namespace Holdfast.Extensions.Caching;

/// <summary>How the cache comes to a client of its store.</summary>
internal interface ICacheConnection
{
    /// <summary>
    /// A client of the store, opened; what is wrong with one on a server shows at the first call. The caller disposes
    /// it, which ends a connection only if it was made here. An opening that fails leaves nothing behind.
    /// </summary>
    HoldfastClient Open();
}
