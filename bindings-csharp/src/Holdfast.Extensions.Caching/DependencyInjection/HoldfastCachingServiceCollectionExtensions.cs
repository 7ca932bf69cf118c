using Holdfast;
using Holdfast.DependencyInjection;
using Holdfast.Extensions.Caching;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>
/// Registers <see cref="IDistributedCache"/> and <see cref="IBufferDistributedCache"/> over a Holdfast store, as
/// singletons that connect at their first use. The last registration of a distributed cache wins.
/// </summary>
/// <remarks>
/// Without a connection string the cache is the store <c>cache</c> on the connection of <c>AddHoldfast</c>, whichever
/// of the two is registered first; without that it is <c>holdfast://embedded/cache</c>, a store in this process.
/// </remarks>
public static class HoldfastCachingServiceCollectionExtensions
{
    /// <summary>Registers the cache with its defaults.</summary>
    /// <param name="services">Where to register.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddHoldfastDistributedCache(this IServiceCollection services) =>
        AddHoldfastDistributedCache(services, static _ => { });

    /// <summary>Registers the cache with settings given in code.</summary>
    /// <param name="services">Where to register.</param>
    /// <param name="configure">Sets the settings.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddHoldfastDistributedCache(
        this IServiceCollection services,
        Action<HoldfastCacheOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        AddCache(services).Configure(configure);
        return services;
    }

    /// <summary>Registers the cache with the settings of a configuration section.</summary>
    /// <param name="services">Where to register.</param>
    /// <param name="configuration">
    /// The section, <c>{ ConnectionString, InstanceName, DefaultEntryOptions: { SlidingExpiration }, … }</c>; of a
    /// whole configuration the section <c>Holdfast:Cache</c> is taken.
    /// </param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddHoldfastDistributedCache(
        this IServiceCollection services,
        IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        BindSection(AddCache(services), configuration);
        return services;
    }

    /// <summary>Registers a further cache under a key, for <c>[FromKeyedServices(serviceKey)]</c>.</summary>
    /// <param name="services">Where to register.</param>
    /// <param name="serviceKey">The key. Its text is the name of the cache's options.</param>
    /// <param name="configure">Sets the settings.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddKeyedHoldfastDistributedCache(
        this IServiceCollection services,
        object serviceKey,
        Action<HoldfastCacheOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(serviceKey);
        ArgumentNullException.ThrowIfNull(configure);
        AddKeyedCache(services, serviceKey).Configure(configure);
        return services;
    }

    /// <summary>
    /// Registers a further cache under a key, for <c>[FromKeyedServices(serviceKey)]</c>, with the settings of a
    /// configuration section.
    /// </summary>
    /// <param name="services">Where to register.</param>
    /// <param name="serviceKey">The key. Its text is the name of the cache's options.</param>
    /// <param name="configuration">The section; of a whole configuration <c>Holdfast:Cache</c> is taken.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddKeyedHoldfastDistributedCache(
        this IServiceCollection services,
        object serviceKey,
        IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(serviceKey);
        ArgumentNullException.ThrowIfNull(configuration);
        BindSection(AddKeyedCache(services, serviceKey), configuration);
        return services;
    }

    private static OptionsBuilder<HoldfastCacheOptions> AddCache(IServiceCollection services)
    {
        services.TryAddSingleton(static provider => CacheFromOptions.Create(provider, Options.Options.DefaultName));
        services.AddSingleton<IDistributedCache>(static provider => provider.GetRequiredService<HoldfastDistributedCache>());
        services.AddSingleton<IBufferDistributedCache>(static provider => provider.GetRequiredService<HoldfastDistributedCache>());
        return AddOptions(services, Options.Options.DefaultName);
    }

    private static OptionsBuilder<HoldfastCacheOptions> AddKeyedCache(IServiceCollection services, object serviceKey)
    {
        services.TryAddKeyedSingleton(serviceKey, static (provider, key) => CacheFromOptions.Create(provider, NameOf(key!)));
        services.AddKeyedSingleton<IDistributedCache>(
            serviceKey,
            static (provider, key) => provider.GetRequiredKeyedService<HoldfastDistributedCache>(key));
        services.AddKeyedSingleton<IBufferDistributedCache>(
            serviceKey,
            static (provider, key) => provider.GetRequiredKeyedService<HoldfastDistributedCache>(key));
        return AddOptions(services, NameOf(serviceKey));
    }

    private static string NameOf(object serviceKey) => serviceKey as string ?? serviceKey.ToString() ?? "";

    private static OptionsBuilder<HoldfastCacheOptions> AddOptions(IServiceCollection services, string name)
    {
        services.TryAddSingleton<FixedSettings>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<HoldfastCacheOptions>, HoldfastCacheOptionsValidator>());
        // Once for each cache: AddHoldfast's options learn of the stores that caches use over its connection.
        services.AddSingleton<IPostConfigureOptions<HoldfastOptions>>(
            provider => new CacheStoreSettings(name, provider.GetRequiredService<IOptionsMonitor<HoldfastCacheOptions>>()));
        return services.AddOptions<HoldfastCacheOptions>(name).ValidateOnStart();
    }

    private static void BindSection(OptionsBuilder<HoldfastCacheOptions> builder, IConfiguration configuration)
    {
        var section = SettingsSection.Of(configuration, "Holdfast:Cache");
        var name = builder.Name;
        builder.Services.AddSingleton(new SettingsSource(typeof(HoldfastCacheOptions), name, _ => section));
        builder.Configure(options => CacheSection.Bind(section, options, name));
    }
}
