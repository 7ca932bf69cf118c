using Microsoft.Extensions.Configuration;

namespace Holdfast.DependencyInjection;

/// <summary>Says which section the options of a type and name were read from.</summary>
internal sealed class SettingsSource(Type optionsType, string name, Func<IServiceProvider, IConfigurationSection> section)
{
    internal bool IsOf(Type type, string optionsName) => optionsType == type && name == optionsName;

    internal IConfigurationSection Section(IServiceProvider services) => section(services);
}
