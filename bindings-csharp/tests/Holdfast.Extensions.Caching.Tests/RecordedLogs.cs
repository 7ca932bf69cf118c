using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Holdfast.Extensions.Caching.Tests;

/// <summary>Keeps what is logged.</summary>
internal sealed class RecordedLogs : ILoggerProvider
{
    private readonly ConcurrentQueue<RecordedLog> _logs = new();

    internal IReadOnlyList<RecordedLog> Warnings => [.. _logs.Where(static log => log.Level >= LogLevel.Warning)];

    internal IReadOnlyList<RecordedLog> All => [.. _logs];

    public ILogger CreateLogger(string categoryName) => new Recorder(categoryName, _logs);

    public void Dispose()
    {
    }

    private sealed class Recorder(string category, ConcurrentQueue<RecordedLog> logs) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            logs.Enqueue(new RecordedLog(logLevel, category, eventId.Id, formatter(state, exception)));
    }
}

internal sealed record RecordedLog(LogLevel Level, string Category, int EventId, string Message);
