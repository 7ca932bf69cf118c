namespace Holdfast.Benchmarks.Remote;

/// <summary>What is measured together: one kind of call, so many of them in flight.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Title">Its name in the table.</param>
/// <param name="Call">The kind of call.</param>
/// <param name="InFlight">How many tasks make calls, each one after the other.</param>
/// <param name="ValueLength">Bytes of a value.</param>
/// <param name="KeyCount">Entries that are asked for.</param>
/// <param name="IsBesideBigValues">Whether 1 MB values flow on the same client in every second turn.</param>
/// <param name="Bars">What it is to reach.</param>
internal sealed record RemoteRow(
    string Name,
    string Title,
    RemoteCallKind Call,
    int InFlight,
    int ValueLength,
    int KeyCount,
    bool IsBesideBigValues,
    IReadOnlyList<Bar> Bars)
{
    internal const int SmallValue = 100;
    private const int LargeValue = 100_000;

    /// <summary>All of them, in the order of the table.</summary>
    internal static IReadOnlyList<RemoteRow> All { get; } =
    [
        Small("get-1", "get", RemoteCallKind.Get, 1, Bar.Latency(1.0)),
        Small("get-16", "get", RemoteCallKind.Get, 16, Bar.Throughput(1.8)),
        Small("get-64", "get", RemoteCallKind.Get, 64, Bar.Throughput(2.5), Bar.Cpu(0.4), Bar.Allocation(200)),
        Small("get-256", "get", RemoteCallKind.Get, 256, Bar.Throughput(2.5)),
        Small("set-1", "set", RemoteCallKind.Set, 1, Bar.Latency(1.0)),
        Small("set-16", "set", RemoteCallKind.Set, 16, Bar.Throughput(1.8)),
        Small("set-64", "set", RemoteCallKind.Set, 64, Bar.Throughput(2.5), Bar.Cpu(0.4)),
        Small("set-256", "set", RemoteCallKind.Set, 256, Bar.Throughput(2.5)),
        Small("cache-get", "`IDistributedCache` get", RemoteCallKind.CacheGet, 64, Bar.Throughput(3.0)),
        Small("cache-set", "`IDistributedCache` set", RemoteCallKind.CacheSet, 64, Bar.Throughput(3.0)),
        new("get-100k", "get of 100 KB", RemoteCallKind.Get, 16, LargeValue, 100, false, [Bar.Throughput(1.2)]),
        new("beside-1m", "get beside 1 MB values", RemoteCallKind.Get, 16, SmallValue, 10_000, true, [Bar.BesideBigValues(3.0)]),
    ];

    /// <summary>Its name where nothing is formatted.</summary>
    internal string Label => $"{Title.Replace("`", string.Empty, StringComparison.Ordinal)}, {InFlight} in flight";

    private static RemoteRow Small(string name, string title, RemoteCallKind call, int inFlight, params Bar[] bars) =>
        new(name, title, call, inFlight, SmallValue, 10_000, false, bars);
}

/// <summary>The kinds of call.</summary>
internal enum RemoteCallKind
{
    Get,
    Set,
    CacheGet,
    CacheSet,
}
