using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Holdfast.DependencyInjection;

/// <summary>
/// Reads options from a configuration section, without reflection. A name that is no setting is refused: a typing
/// error in a settings file would otherwise mean a default.
/// </summary>
internal static class SettingsSection
{
    /// <summary>The settings of a store: in <c>Stores:NAME</c>, and of the connection string's store beside it.</summary>
    internal static readonly Dictionary<string, Action<HoldfastStoreOptions, SettingText>> OfStore = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Class"] = static (options, text) => options.Class = text.Word<HoldfastStoreClass>(),
        ["MaxMemory"] = static (options, text) => options.MaxMemory = text.Text(),
        ["Eviction"] = static (options, text) => options.Eviction = text.Word<HoldfastEviction>(),
        ["DefaultTtl"] = static (options, text) => options.DefaultTtl = text.DurationOrNone(),
        ["MaxValue"] = static (options, text) => options.MaxValue = text.Text(),
        ["HashTags"] = static (options, text) => options.HashTags = text.Switch(),
    };

    /// <summary>The settings of a client and of its node.</summary>
    internal static readonly Dictionary<string, Action<HoldfastClientOptions, SettingText>> OfClient = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ConnectionString"] = static (options, text) => options.ConnectionString = text.Text(),
        ["Node"] = static (options, text) => options.Node = text.Text(),
        ["Clock"] = static (options, text) => options.Clock = text.Word<HoldfastClock>(),
        ["MemoryLimit"] = static (options, text) => options.MemoryLimit = text.Text(),
        ["Data"] = static (options, text) => options.Data = text.Text(),
        ["DefaultClass"] = static (options, text) => options.DefaultClass = text.Word<HoldfastStoreClass>(),
        ["AutoCreateStores"] = static (options, text) => options.AutoCreateStores = text.Switch(),
        ["ConnectTimeout"] = static (options, text) => options.ConnectTimeout = text.Duration(),
        ["Timeout"] = static (options, text) => options.Timeout = text.Duration(),
        ["ReadConsistency"] = static (options, text) => options.ReadConsistency = text.ReadConsistency(),
        ["ClientName"] = static (options, text) => options.ClientName = text.Text(),
        ["TlsCa"] = static (options, text) => options.TlsCa = text.Text(),
        ["TlsCertificate"] = static (options, text) => options.TlsCertificate = text.Text(),
        ["TlsKey"] = static (options, text) => options.TlsKey = text.Text(),
        ["TlsServerName"] = static (options, text) => options.TlsServerName = text.Text(),
        ["Token"] = static (options, text) => options.Token = text.Text(),
        ["EmbeddedSpans"] = static (options, text) => options.EmbeddedSpans = text.Switch(),
    };

    /// <summary>A section as it is; of a whole configuration the section at <paramref name="path"/>.</summary>
    internal static IConfigurationSection Of(IConfiguration configuration, string path) =>
        configuration as IConfigurationSection ?? configuration.GetSection(path);

    /// <summary>Reads <c>{ ConnectionString, …, Stores: { NAME: { … } } }</c>.</summary>
    internal static void Bind(IConfigurationSection section, HoldfastOptions options, string optionsName)
    {
        var failures = new List<string>();
        foreach (var child in section.GetChildren())
        {
            if (Is(child, "Stores"))
            {
                foreach (var store in child.GetChildren())
                {
                    options.Stores[store.Key] = BindStore(store, failures);
                }
            }
            // `Holdfast:Cache` is the section of the distributed cache, which reads it itself.
            else if (!Is(child, "Cache") && !TrySet(OfClient, options, child, failures) && !TrySet(OfStore, options, child, failures))
            {
                failures.Add(Unknown(child, [.. OfClient.Keys, .. OfStore.Keys, "Stores", "Cache"]));
            }
        }

        ThrowIfAny(failures, optionsName, typeof(HoldfastOptions));
    }

    /// <summary>Sets the setting that <paramref name="child"/> names, if the table has it.</summary>
    internal static bool TrySet<TOptions>(
        Dictionary<string, Action<TOptions, SettingText>> table,
        TOptions options,
        IConfigurationSection child,
        List<string> failures)
    {
        if (!table.TryGetValue(child.Key, out var set))
        {
            return false;
        }

        try
        {
            set(options, new SettingText(child));
        }
        catch (FormatException refused)
        {
            failures.Add(refused.Message);
        }

        return true;
    }

    internal static bool Is(IConfigurationSection section, string name) =>
        string.Equals(section.Key, name, StringComparison.OrdinalIgnoreCase);

    internal static string Unknown(IConfigurationSection section, IReadOnlyCollection<string> known)
    {
        // Names as connection strings spell them (`max-memory`) are the usual mistake.
        var meant = known.FirstOrDefault(name => string.Equals(name, WithoutDashes(section.Key), StringComparison.OrdinalIgnoreCase));
        var suggestion = meant is null ? "." : $": did you mean '{meant}'?";
        return $"'{section.Path}' is no setting{suggestion} The settings here are {string.Join(", ", known)}.";
    }

    internal static void ThrowIfAny(List<string> failures, string optionsName, Type optionsType)
    {
        if (failures.Count > 0)
        {
            throw new OptionsValidationException(optionsName, optionsType, failures);
        }
    }

    private static string WithoutDashes(string name) =>
        name.Replace("-", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal);

    private static HoldfastStoreOptions BindStore(IConfigurationSection section, List<string> failures)
    {
        var options = new HoldfastStoreOptions();
        foreach (var child in section.GetChildren())
        {
            if (!TrySet(OfStore, options, child, failures))
            {
                failures.Add(Unknown(child, OfStore.Keys));
            }
        }

        return options;
    }
}
