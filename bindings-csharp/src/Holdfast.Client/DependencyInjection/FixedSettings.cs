using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace Holdfast.DependencyInjection;

/// <summary>
/// Settings are fixed at their first use. This watches the sections that they came from and logs one warning for each
/// that changes later, because nothing else would tell why the new value has no effect.
/// </summary>
internal sealed class FixedSettings(IServiceProvider services, IEnumerable<SettingsSource> sources) : IDisposable
{
    private readonly List<IDisposable> _watches = [];

    /// <summary>Called when the options of that type and name are used.</summary>
    internal void Fix(Type optionsType, string name)
    {
        foreach (var source in sources)
        {
            if (source.IsOf(optionsType, name))
            {
                Watch(source.Section(services));
            }
        }
    }

    public void Dispose()
    {
        lock (_watches)
        {
            _watches.ForEach(static watch => watch.Dispose());
            _watches.Clear();
        }
    }

    private void Watch(IConfigurationSection section)
    {
        var logger = services.GetService<ILoggerFactory>()?.CreateLogger("Holdfast.Settings");
        if (logger is null)
        {
            return;
        }

        // A reload token fires for a change anywhere in the configuration, so the content decides.
        var used = ContentOf(section);
        var warned = 0;
        var watch = ChangeToken.OnChange(section.GetReloadToken, () =>
        {
            if (ContentOf(section) != used && Interlocked.Exchange(ref warned, 1) == 0)
            {
                ClientLog.SettingsChangedAfterUse(logger, section.Path);
            }
        });
        lock (_watches)
        {
            _watches.Add(watch);
        }
    }

    private static string ContentOf(IConfigurationSection section)
    {
        var content = new StringBuilder();
        foreach (var (path, value) in section.AsEnumerable().OrderBy(static pair => pair.Key, StringComparer.Ordinal))
        {
            content.Append(path).Append('=').Append(value).Append('\n');
        }

        return content.ToString();
    }
}
