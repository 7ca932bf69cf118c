using Microsoft.Extensions.Logging;

namespace Holdfast;

/// <summary>
/// What the client logs (events 1 to 99) and its registration (100 to 199). One class for all: of several, the
/// generator writes now this one first and now that, and the assembly would not be the same twice.
/// </summary>
internal static partial class ClientLog
{
    [LoggerMessage(1, LogLevel.Debug, "Connected to store '{Store}' on node '{Node}'.")]
    internal static partial void Connected(ILogger logger, string store, string node);

    [LoggerMessage(2, LogLevel.Debug, "Disconnected from store '{Store}' on node '{Node}'.")]
    internal static partial void Disconnected(ILogger logger, string store, string node);

    [LoggerMessage(EventId = 3, Message = "[{Source}] {Line}")]
    internal static partial void NativeLine(ILogger logger, LogLevel level, string source, string line);

    [LoggerMessage(4, LogLevel.Warning, "{Count} native log lines were dropped because they were not taken in time.")]
    internal static partial void LinesDropped(ILogger logger, int count);

    [LoggerMessage(5, LogLevel.Information, "Connected to node '{Node}' at {Endpoint}.")]
    internal static partial void ConnectedTo(ILogger logger, string? node, HoldfastEndpoint? endpoint);

    [LoggerMessage(6, LogLevel.Warning, "The connection to {Endpoint} was lost, connecting again: {Reason}")]
    internal static partial void ConnectionLost(ILogger logger, HoldfastEndpoint? endpoint, string? reason);

    [LoggerMessage(7, LogLevel.Warning, "Connected to node '{Node}' at {Endpoint}, which has lost what it held in memory: its epoch is {Epoch} now.")]
    internal static partial void EpochChanged(ILogger logger, string? node, HoldfastEndpoint? endpoint, long epoch);

    [LoggerMessage(8, LogLevel.Error, "A handler of ConnectionStateChanged failed.")]
    internal static partial void HandlerFailed(ILogger logger, Exception error);

    [LoggerMessage(9, LogLevel.Warning, "No node accepts this client, trying again: {Reason}")]
    internal static partial void Refused(ILogger logger, string? reason);

    [LoggerMessage(
        EventId = 100,
        Level = LogLevel.Warning,
        Message = "The settings of section '{Section}' changed after Holdfast had used them: the new ones apply from the next start of the application.")]
    internal static partial void SettingsChangedAfterUse(ILogger logger, string section);
}
