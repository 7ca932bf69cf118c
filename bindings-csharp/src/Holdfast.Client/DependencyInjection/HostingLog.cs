using Microsoft.Extensions.Logging;

namespace Holdfast.DependencyInjection;

/// <summary>Log messages of the registration; events 100 to 199.</summary>
internal static partial class HostingLog
{
    [LoggerMessage(
        EventId = 100,
        Level = LogLevel.Warning,
        Message = "The settings of section '{Section}' changed after Holdfast had used them: the new ones apply from the next start of the application.")]
    internal static partial void SettingsChangedAfterUse(ILogger logger, string section);
}
