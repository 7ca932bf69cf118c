using Holdfast.DependencyInjection;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Configuration;

namespace Holdfast.Extensions.Caching;

/// <summary>Reads the cache's options from a configuration section, without reflection.</summary>
internal static class CacheSection
{
    internal static readonly Dictionary<string, Action<HoldfastCacheOptions, SettingText>> OfCache = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ConnectionString"] = static (options, text) => options.ConnectionString = text.Text(),
        ["StoreName"] = static (options, text) => options.StoreName = text.Text(),
        ["InstanceName"] = static (options, text) => options.InstanceName = text.Text(),
    };

    internal static readonly Dictionary<string, Action<DistributedCacheEntryOptions, SettingText>> OfEntries = new(StringComparer.OrdinalIgnoreCase)
    {
        ["AbsoluteExpirationRelativeToNow"] = static (options, text) => options.AbsoluteExpirationRelativeToNow = text.Duration(),
        ["SlidingExpiration"] = static (options, text) => options.SlidingExpiration = text.Duration(),
    };

    internal static void Bind(IConfigurationSection section, HoldfastCacheOptions options, string optionsName)
    {
        var failures = new List<string>();
        foreach (var child in section.GetChildren())
        {
            if (SettingsSection.Is(child, "DefaultEntryOptions"))
            {
                options.DefaultEntryOptions = BindEntryOptions(child, failures);
            }
            else if (SettingsSection.Is(child, "PinnedKeyPrefixes"))
            {
                // The list replaces the default one: what configuration can only add, it could never take away.
                options.PinnedKeyPrefixes = [.. child.GetChildren().Select(static prefix => prefix.Value ?? "")];
            }
            else if (!SettingsSection.TrySet(OfCache, options, child, failures)
                && !SettingsSection.TrySet(SettingsSection.OfStore, options, child, failures))
            {
                failures.Add(SettingsSection.Unknown(
                    child,
                    [.. OfCache.Keys, .. SettingsSection.OfStore.Keys, "DefaultEntryOptions", "PinnedKeyPrefixes"]));
            }
        }

        SettingsSection.ThrowIfAny(failures, optionsName, typeof(HoldfastCacheOptions));
    }

    private static DistributedCacheEntryOptions BindEntryOptions(IConfigurationSection section, List<string> failures)
    {
        var options = new DistributedCacheEntryOptions();
        foreach (var child in section.GetChildren())
        {
            if (!SettingsSection.TrySet(OfEntries, options, child, failures))
            {
                failures.Add(SettingsSection.Unknown(child, OfEntries.Keys));
            }
        }

        return options;
    }
}
