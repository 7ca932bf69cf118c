using Holdfast;
using Holdfast.DependencyInjection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>
/// Registers <see cref="HoldfastClient"/>: the plain one is a client of the connection string's store, and
/// <c>[FromKeyedServices("orders")]</c> one of the store <c>orders</c> on the same connection. The client is a
/// singleton that connects at its first use; the container disposes it.
/// </summary>
public static class HoldfastServiceCollectionExtensions
{
    /// <summary>Registers the client with settings given in code.</summary>
    /// <param name="services">Where to register.</param>
    /// <param name="configure">Sets the connection string and other settings.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddHoldfast(this IServiceCollection services, Action<HoldfastOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        AddClient(services).Configure(configure);
        return services;
    }

    /// <summary>
    /// Registers the client with the settings of a configuration section,
    /// <c>{ ConnectionString, Stores: { orders: { … } } }</c>.
    /// </summary>
    /// <param name="services">Where to register.</param>
    /// <param name="configuration">The section; of a whole configuration the section <c>Holdfast</c> is taken.</param>
    /// <param name="configure">Settings in code, over those of the section.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddHoldfast(
        this IServiceCollection services,
        IConfiguration configuration,
        Action<HoldfastOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        var builder = AddClient(services);
        BindSection(builder, SettingsSection.Of(configuration, "Holdfast"));
        Also(builder, configure);
        return services;
    }

    /// <summary>
    /// Registers the client with the connection string of that name, <c>ConnectionStrings:NAME</c> in the
    /// application's configuration.
    /// </summary>
    /// <param name="services">Where to register.</param>
    /// <param name="connectionName">The name of the connection string.</param>
    /// <param name="configure">Further settings in code.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddHoldfast(
        this IServiceCollection services,
        string connectionName,
        Action<HoldfastOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionName);
        var builder = AddClient(services);
        ReadConnectionString(builder, connectionName);
        Also(builder, configure);
        return services;
    }

    /// <summary>
    /// Registers a client of another cluster or node beside the plain one, resolved by
    /// <c>[FromKeyedServices(serviceKey)]</c>; its options have that name too.
    /// </summary>
    /// <param name="services">Where to register.</param>
    /// <param name="serviceKey">The key, which hides a store of the same name.</param>
    /// <param name="configure">Sets the connection string and other settings.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddKeyedHoldfast(
        this IServiceCollection services,
        string serviceKey,
        Action<HoldfastOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(serviceKey);
        ArgumentNullException.ThrowIfNull(configure);
        AddKeyedClient(services, serviceKey).Configure(configure);
        return services;
    }

    /// <summary>
    /// Registers a client of another cluster or node beside the plain one, with the settings of a configuration
    /// section.
    /// </summary>
    /// <param name="services">Where to register.</param>
    /// <param name="serviceKey">The key, which hides a store of the same name.</param>
    /// <param name="configuration">The section; of a whole configuration the section <c>Holdfast</c> is taken.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddKeyedHoldfast(
        this IServiceCollection services,
        string serviceKey,
        IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(serviceKey);
        ArgumentNullException.ThrowIfNull(configuration);
        BindSection(AddKeyedClient(services, serviceKey), SettingsSection.Of(configuration, "Holdfast"));
        return services;
    }

    private static OptionsBuilder<HoldfastOptions> AddClient(IServiceCollection services)
    {
        services.TryAddSingleton(static provider => ClientFromOptions.Create(provider, Options.Options.DefaultName));
        // Any key is a store's name: stores need no registration, as they need none of `client.Store(name)`.
        services.TryAddKeyedSingleton(KeyedService.AnyKey, static (provider, key) => ClientFromOptions.View(provider, key));
        return AddOptions(services, Options.Options.DefaultName);
    }

    private static OptionsBuilder<HoldfastOptions> AddKeyedClient(IServiceCollection services, string serviceKey)
    {
        services.TryAddKeyedSingleton(serviceKey, static (provider, key) => ClientFromOptions.Create(provider, (string)key!));
        return AddOptions(services, serviceKey);
    }

    private static OptionsBuilder<HoldfastOptions> AddOptions(IServiceCollection services, string name)
    {
        services.TryAddSingleton<FixedSettings>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IPostConfigureOptions<HoldfastOptions>, ServicesFromContainer>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<HoldfastOptions>, HoldfastOptionsValidator>());
        return services.AddOptions<HoldfastOptions>(name).ValidateOnStart();
    }

    private static void BindSection(OptionsBuilder<HoldfastOptions> builder, IConfigurationSection section)
    {
        builder.Services.AddSingleton(new SettingsSource(typeof(HoldfastOptions), builder.Name, _ => section));
        var name = builder.Name;
        builder.Configure(options => SettingsSection.Bind(section, options, name));
    }

    private static void ReadConnectionString(OptionsBuilder<HoldfastOptions> builder, string connectionName)
    {
        builder.Services.AddSingleton(new SettingsSource(
            typeof(HoldfastOptions),
            builder.Name,
            provider => provider.GetRequiredService<IConfiguration>().GetSection("ConnectionStrings").GetSection(connectionName)));
        builder.Configure<IConfiguration>((options, configuration) =>
            options.ConnectionString = configuration.GetConnectionString(connectionName)
                ?? throw new OptionsValidationException(
                    builder.Name,
                    typeof(HoldfastOptions),
                    [$"There is no connection string '{connectionName}': set ConnectionStrings:{connectionName} in the configuration, "
                        + $"or ConnectionStrings__{connectionName} in the environment."]));
    }

    private static void Also(OptionsBuilder<HoldfastOptions> builder, Action<HoldfastOptions>? configure)
    {
        if (configure is not null)
        {
            builder.Configure(configure);
        }
    }
}
