using System.Text;
using Holdfast.Interop;
using Microsoft.Extensions.Logging;

namespace Holdfast.Tests.Diagnostics;

[Collection(Alone.Name)]
public class LogTests
{
    [Fact]
    public async Task the_client_logs_its_connection()
    {
        using var recorded = new RecordedLog();
        await using (await TestNode.ConnectAsync(options: new HoldfastClientOptions { LoggerFactory = recorded }))
        {
            await Eventually.IsTrueAsync(
                () => recorded.Lines.Any(line => line.Contains("Holdfast.Client", StringComparison.Ordinal) && line.Contains("Connected", StringComparison.Ordinal)),
                "the connection is logged");
        }

        Assert.Contains(recorded.Lines, line => line.Contains("Disconnected", StringComparison.Ordinal));
    }

    [Fact]
    public async Task native_lines_reach_the_loggers_of_live_clients_with_their_source_and_level()
    {
        using var recorded = new RecordedLog();
        HoldfastClient client = await TestNode.ConnectAsync(options: new HoldfastClientOptions { LoggerFactory = recorded });
        Take(3, "node alpha", "the line", 0);
        await Eventually.IsTrueAsync(() => recorded.Lines.Any(line => line.Contains("[node alpha] the line", StringComparison.Ordinal)), "the line is logged");
        Assert.Contains(recorded.Lines, line => line.StartsWith("Warning Holdfast.Native: [node alpha]", StringComparison.Ordinal));

        Take(2, "node alpha", "after a gap", 5);
        await Eventually.IsTrueAsync(() => recorded.Lines.Any(line => line.Contains("after a gap", StringComparison.Ordinal)), "the line is logged");
        Assert.Contains(recorded.Lines, line => line.Contains("5 native log lines were dropped", StringComparison.Ordinal));

        await client.DisposeAsync();
        Assert.False(NativeLog.IsOn);
    }

    [Fact]
    public async Task a_logger_that_throws_does_not_silence_the_others()
    {
        using var recorded = new RecordedLog();
        using var failing = new Failing();
        await using HoldfastClient one = await TestNode.ConnectAsync(options: new HoldfastClientOptions { LoggerFactory = failing });
        await using HoldfastClient other = await TestNode.ConnectAsync(options: new HoldfastClientOptions { LoggerFactory = recorded });
        Take(4, "node beta", "first", 0);
        Take(4, "node beta", "second", 0);
        await Eventually.IsTrueAsync(() => recorded.Lines.Any(line => line.Contains("second", StringComparison.Ordinal)), "the line is logged");
    }

    private static unsafe void Take(uint level, string source, string message, uint dropped)
    {
        byte[] sourceBytes = Encoding.UTF8.GetBytes(source);
        byte[] messageBytes = Encoding.UTF8.GetBytes(message);
        fixed (byte* sourcePointer = sourceBytes)
        fixed (byte* messagePointer = messageBytes)
        {
            var line = new HfLogLine.Unmanaged
            {
                level = level,
                dropped = dropped,
                source = (nint)sourcePointer,
                source_length = (ulong)sourceBytes.Length,
                message = (nint)messagePointer,
                message_length = (ulong)messageBytes.Length,
            };
            NativeLog.Take(new ReadOnlySpan<HfLogLine.Unmanaged>(in line));
        }
    }

    private sealed class Failing : ILoggerFactory, ILogger
    {
        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id >= 3)
            {
                throw new InvalidOperationException("this logger fails");
            }
        }
    }
}
