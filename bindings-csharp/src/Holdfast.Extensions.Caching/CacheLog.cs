using Microsoft.Extensions.Logging;

namespace Holdfast.Extensions.Caching;

/// <summary>Log messages of the cache; events 200 to 299.</summary>
internal static partial class CacheLog
{
    [LoggerMessage(
        EventId = 200,
        Level = LogLevel.Warning,
        Message = "The distributed cache has no connection string and there is no AddHoldfast: it keeps its entries in this process ({ConnectionString}), and other instances of the application do not see them. Set a ConnectionString to say where the cache is.")]
    internal static partial void EmbeddedInProduction(ILogger logger, string connectionString);

    [LoggerMessage(
        EventId = 201,
        Level = LogLevel.Warning,
        Message = "The distributed cache uses the store '{Store}' of class coordination: it never evicts, so a full store refuses new entries. Use a store of class cache.")]
    internal static partial void StoreIsCoordination(ILogger logger, string store);
}
