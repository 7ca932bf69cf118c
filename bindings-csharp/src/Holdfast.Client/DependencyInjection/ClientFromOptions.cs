using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Holdfast.DependencyInjection;

/// <summary>What the registered factories do.</summary>
internal static class ClientFromOptions
{
    /// <summary>The client of the options of that name. It connects at its first use.</summary>
    internal static HoldfastClient Create(IServiceProvider services, string name)
    {
        var options = services.GetRequiredService<IOptionsMonitor<HoldfastOptions>>().Get(name);
        services.GetRequiredService<FixedSettings>().Fix(typeof(HoldfastOptions), name);
        return HoldfastClient.Create(options);
    }

    /// <summary>A view of the plain client on the store that the key names.</summary>
    internal static HoldfastClient View(IServiceProvider services, object? key)
    {
        if (key is not string store)
        {
            throw new InvalidOperationException(
                $"A keyed HoldfastClient is keyed by the name of its store, a string, not by a {key?.GetType().Name ?? "null"}.");
        }

        var options = services.GetRequiredService<IOptionsMonitor<HoldfastOptions>>().Get(Options.DefaultName);
        return services.GetRequiredService<HoldfastClient>().Store(store, options.SettingsOf(store), options.DefaultClassOf(store));
    }
}
