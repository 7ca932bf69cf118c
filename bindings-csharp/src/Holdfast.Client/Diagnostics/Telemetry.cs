using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Reflection;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>The meter and the activity source, both named <c>Holdfast</c>.</summary>
internal static class Telemetry
{
    internal static readonly ActivitySource Spans = new("Holdfast", Version);
    internal static readonly Meter Meter = new("Holdfast", Version);

    internal static readonly Histogram<double> Duration = Meter.CreateHistogram(
        "db.client.operation.duration",
        "s",
        "Duration of client operations.",
        advice: new InstrumentAdvice<double>
        {
            // An embedded call takes a microsecond, a remote one a millisecond.
            HistogramBucketBoundaries = [0.000001, 0.000005, 0.00001, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
        });

    private static readonly string[] Names =
    [
        "unknown", "open_store", "get", "exists", "put", "delete", "refresh", "set_expiry", "increment", "get_many",
        "batch", "count", "clear", "scan", "stats", "advance_clock", "echo", "ping", "connect",
    ];

    static Telemetry()
    {
        AddCounter("holdfast.store.hits", "{read}", "Reads that found an entry.", static stats => stats.Hits);
        AddCounter("holdfast.store.misses", "{read}", "Reads that found none.", static stats => stats.Misses);
        AddCounter("holdfast.store.evictions", "{entry}", "Entries evicted for room.", static stats => stats.Evictions);
        AddCounter("holdfast.store.expirations", "{entry}", "Entries that expired.", static stats => stats.Expirations);
        AddGauge("holdfast.store.entries", "{entry}", "Entries now.", static stats => stats.Entries);
        AddGauge("holdfast.store.memory", "By", "Memory of entries now.", static stats => stats.Bytes);
    }

    /// <summary>Whether anybody listens: else a call takes no time and makes no span.</summary>
    internal static bool IsOn => Duration.Enabled || Spans.HasListeners();

    private static string Version =>
        typeof(Telemetry).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    internal static string NameOf(Op op) => (int)op < Names.Length ? Names[(int)op] : Names[0];

    /// <summary>Before this assembly is unloaded: listeners must not refer to it.</summary>
    internal static void Stop()
    {
        Meter.Dispose();
        Spans.Dispose();
    }

    private static void AddCounter(string name, string unit, string description, Func<StoreStats, long> value) =>
        Meter.CreateObservableCounter(name, () => LiveStores.Measure(value), unit, description);

    private static void AddGauge(string name, string unit, string description, Func<StoreStats, long> value) =>
        Meter.CreateObservableUpDownCounter(name, () => LiveStores.Measure(value), unit, description);
}
