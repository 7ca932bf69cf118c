using Holdfast.DependencyInjection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Holdfast.Extensions.Caching;

/// <summary>What the registered factories do. Nothing connects here.</summary>
internal static class CacheFromOptions
{
    internal static HoldfastDistributedCache Create(IServiceProvider services, string name)
    {
        var options = services.GetRequiredService<IOptionsMonitor<HoldfastCacheOptions>>().Get(name);
        services.GetRequiredService<FixedSettings>().Fix(typeof(HoldfastCacheOptions), name);
        var logger = services.GetService<ILoggerFactory>()?.CreateLogger("Holdfast.Extensions.Caching");
        var connection = ConnectionOf(services, options, logger);
        return new HoldfastDistributedCache(new CacheStore(connection, options.InstanceName, logger), options);
    }

    private static ICacheConnection ConnectionOf(IServiceProvider services, HoldfastCacheOptions options, ILogger? logger)
    {
        if (options.ConnectionString is { } given)
        {
            return Own(services, given, options);
        }

        var storeName = options.StoreName ?? HoldfastCacheOptions.DefaultStoreName;
        if (services.GetService<HoldfastClient>() is { } client)
        {
            // With AddHoldfast its options hold the settings from both sides (see CacheStoreSettings).
            var registered = services.GetRequiredService<IOptionsMonitor<HoldfastOptions>>().CurrentValue;
            return new SharedConnection(client, storeName, registered.Stores.TryGetValue(storeName, out var known) ? known : options);
        }

        var embedded = "holdfast://embedded/" + storeName;
        if (logger is not null && services.GetService<IHostEnvironment>()?.IsProduction() == true)
        {
            CacheLog.EmbeddedInProduction(logger, embedded);
        }

        return Own(services, embedded, options);
    }

    private static OwnConnection Own(IServiceProvider services, string connectionString, HoldfastCacheOptions options) =>
        new(connectionString, options, services.GetService<TimeProvider>(), services.GetService<ILoggerFactory>());
}
