using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Holdfast.Interop;

/// <summary>
/// Brings native log lines to the loggers of the live clients: the native thread only puts them into a bounded
/// channel, the thread pool writes them. What does not fit is counted, and the count is logged.
/// </summary>
internal static class NativeLog
{
    private const int Bound = 1024;

    /// <summary>How the source of a client's lines begins; those of a node do with <c>node</c>.</summary>
    private const string ClientSource = "client";

    private static readonly Lock Guard = new();
    private static readonly Dictionary<ILoggerFactory, (ILogger Logger, int Clients)> Loggers = [];
    private static Channel<NativeLine>? s_lines;
    private static ILogger[] s_targets = [];
    private static int s_dropped;

    internal static bool IsOn => Volatile.Read(ref s_targets).Length > 0;

    /// <summary>A client with this factory opens.</summary>
    internal static void Add(ILoggerFactory factory)
    {
        lock (Guard)
        {
            (ILogger Logger, int Clients) entry = Loggers.TryGetValue(factory, out var known)
                ? (known.Logger, known.Clients + 1)
                : (factory.CreateLogger("Holdfast.Native"), 1);
            Loggers[factory] = entry;
            Listen();
        }
    }

    /// <summary>A client with this factory has closed.</summary>
    internal static void Remove(ILoggerFactory factory)
    {
        lock (Guard)
        {
            if (!Loggers.TryGetValue(factory, out var known))
            {
                return;
            }

            if (known.Clients > 1)
            {
                Loggers[factory] = (known.Logger, known.Clients - 1);
                return;
            }

            Loggers.Remove(factory);
            Listen();
        }
    }

    /// <summary>Takes lines over, on the native log thread.</summary>
    internal static void Take(ReadOnlySpan<HfLogLine.Unmanaged> lines)
    {
        ChannelWriter<NativeLine>? writer = Volatile.Read(ref s_lines)?.Writer;
        foreach (ref readonly HfLogLine.Unmanaged line in lines)
        {
            string source = Text(line.source, line.source_length);
            var taken = new NativeLine(LevelOf(line.level, source), source, Text(line.message, line.message_length));
            Interlocked.Add(ref s_dropped, (int)line.dropped);
            if (writer is null || !writer.TryWrite(taken))
            {
                Interlocked.Increment(ref s_dropped);
            }
        }
    }

    private static void Listen()
    {
        ILogger[] targets = [.. Loggers.Values.Select(static entry => entry.Logger)];
        Volatile.Write(ref s_targets, targets);
        if (targets.Length == 0)
        {
            _ = Interop.hf_set_log(0, Callbacks.LogContext, 0);
            s_lines?.Writer.TryComplete();
            s_lines = null;
            return;
        }

        if (s_lines is null)
        {
            s_lines = Channel.CreateBounded<NativeLine>(new BoundedChannelOptions(Bound) { SingleReader = true });
            _ = DrainAsync(s_lines.Reader);
        }

        uint level = 4;
        while (level > 0 && targets.Any(target => target.IsEnabled(LevelOf(level - 1))))
        {
            level--;
        }

        _ = Interop.hf_set_log(level, Callbacks.LogContext, Callbacks.Lines);
    }

    private static async Task DrainAsync(ChannelReader<NativeLine> lines)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await foreach (NativeLine line in lines.ReadAllAsync().ConfigureAwait(false))
        {
            int dropped = Interlocked.Exchange(ref s_dropped, 0);
            foreach (ILogger target in Volatile.Read(ref s_targets))
            {
                Write(target, line, dropped);
            }
        }
    }

    private static void Write(ILogger target, NativeLine line, int dropped)
    {
        try
        {
            if (dropped > 0)
            {
                ClientLog.LinesDropped(target, dropped);
            }

            ClientLog.NativeLine(target, line.Level, line.Source, line.Message);
        }
#pragma warning disable CA1031 // a provider that fails must not end the log of the others
        catch
        {
        }
#pragma warning restore CA1031
    }

    /// <summary>
    /// A client's lines below errors tell of connections made and lost, which <see cref="ConnectionStates"/> logs at
    /// their levels; here they are details.
    /// </summary>
    private static LogLevel LevelOf(uint level, string source)
    {
        LogLevel own = LevelOf(level);
        return own is LogLevel.Information or LogLevel.Warning && source.StartsWith(ClientSource, StringComparison.Ordinal)
            ? LogLevel.Debug
            : own;
    }

    private static LogLevel LevelOf(uint level) => level switch
    {
        0 => LogLevel.Trace,
        1 => LogLevel.Debug,
        2 => LogLevel.Information,
        3 => LogLevel.Warning,
        _ => LogLevel.Error,
    };

    private static unsafe string Text(nint bytes, ulong length) => Encoding.UTF8.GetString((byte*)bytes, checked((int)length));

    private readonly record struct NativeLine(LogLevel Level, string Source, string Message);
}
