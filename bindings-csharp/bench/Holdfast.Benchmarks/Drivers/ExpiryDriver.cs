using System.Diagnostics;
using Holdfast.Benchmarks.Workload;

namespace Holdfast.Benchmarks.Drivers;

/// <summary>
/// Gets of entries without a deadline, before and while very many others expire that are all due in one second: from
/// the store in which those are, and from another one on the same node.
/// </summary>
internal static class ExpiryDriver
{
    private const int UnrelatedKeys = 10_000;

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);
    private static readonly string[] Stores = ["same store", "other store"];

    internal static void Run(Arguments arguments)
    {
        int rounds = arguments.Number("rounds", 3);
        int entries = arguments.Number("entries", 1_000_000);
        var lead = TimeSpan.FromSeconds(arguments.Number("lead", 15));
        var baseline = TimeSpan.FromSeconds(arguments.Number("baseline", 3));
        var interval = TimeSpan.FromMicroseconds(arguments.Number("interval-us", 20));
        string storeClass = arguments.Word("class", "cache", "coordination");
        arguments.RequireNothingLeft();

        // Room for everything: nothing is to be evicted.
        long memory = Math.Max(256, entries / 2_000);
        string settings = $"&class={storeClass}&max-memory={memory}MiB";
        string node = $"node=expiry-{Environment.ProcessId}&memory-limit={(memory * 2) + 64}MiB";
        using var same = HoldfastClient.Create(new() { ConnectionString = $"holdfast://embedded/same?{node}{settings}" });
        using var other = HoldfastClient.Create(new() { ConnectionString = $"holdfast://embedded/other?{node}{settings}" });
        byte[] value = ProductKeys.Value();
        foreach (string key in ProductKeys.ToFill(UnrelatedKeys))
        {
            same.Put(key, value);
            other.Put(key, value);
        }

        var gets = new PacedGets([same, other], ProductKeys.ToAskFor(UnrelatedKeys), interval);
        var warmUp = Stopwatch.StartNew();
        _ = gets.Run(() => warmUp.Elapsed > TimeSpan.FromSeconds(1));
        Console.WriteLine(
            $"{entries:N0} entries of class {storeClass} due in {Window.TotalSeconds} s; a get of 100 B every "
            + $"{interval.TotalMicroseconds} µs from one of two stores; times in µs; bar: p99 ≤ 2×");
        var ratios = Stores.Select(static _ => new List<double>()).ToArray();
        for (int round = 0; round < rounds; round++)
        {
            var figures = Round(same, gets, value, entries, lead, baseline);
            Print(round, figures.Before, figures.While, figures.Gone);
            for (int store = 0; store < Stores.Length; store++)
            {
                ratios[store].Add(figures.While[store].P99 / figures.Before[store].P99);
            }
        }

        for (int store = 0; store < Stores.Length; store++)
        {
            var spread = new Spread(ratios[store]);
            Console.WriteLine(
                $"{Stores[store],-12} p99 while they expire, times that before: median {spread.Median:0.00}×, "
                + $"rounds {spread.Least:0.00} to {spread.Most:0.00}");
        }
    }

    private static (LatencyFigures[] Before, LatencyFigures[] While, TimeSpan Gone) Round(
        HoldfastClient store,
        PacedGets gets,
        byte[] value,
        int entries,
        TimeSpan lead,
        TimeSpan baseline)
    {
        long expired = store.Stats().Expirations;
        var clock = Stopwatch.StartNew();
        Load(store, value, entries, clock, lead);
        TimeSpan quiet = lead - baseline - TimeSpan.FromSeconds(1) - clock.Elapsed;
        if (quiet < TimeSpan.Zero)
        {
            throw new ArgumentsException(
                $"Loading took {clock.Elapsed.TotalSeconds:0.0} s, so the entries are due too soon: use a greater --lead.");
        }

        Thread.Sleep(quiet);
        TimeSpan baselineEnd = clock.Elapsed + baseline;
        LatencyFigures[] before = gets.Run(() => clock.Elapsed >= baselineEnd);
        if (store.Stats().Expirations != expired)
        {
            throw new InvalidOperationException("Entries expired before they were due.");
        }

        Thread.Sleep(TimeSpan.FromTicks(Math.Max(0, (lead - clock.Elapsed).Ticks)));
        long gone = 0;
        var watcher = new Thread(() =>
        {
            while (store.Stats().Expirations < expired + entries)
            {
                Thread.Sleep(10);
            }

            Volatile.Write(ref gone, clock.Elapsed.Ticks);
        })
        {
            IsBackground = true,
        };
        watcher.Start();
        LatencyFigures[] during = gets.Run(() => Volatile.Read(ref gone) != 0);
        watcher.Join();
        return (before, during, TimeSpan.FromTicks(gone) - lead);
    }

    /// <summary>Puts entries whose deadlines are spread evenly over the window that begins at <paramref name="lead"/>.</summary>
    private static void Load(HoldfastClient store, byte[] value, int entries, Stopwatch clock, TimeSpan lead)
    {
        for (int entry = 0; entry < entries; entry++)
        {
            TimeSpan due = lead + (Window * ((double)entry / entries));
            TimeSpan left = due - clock.Elapsed;
            if (left <= TimeSpan.Zero)
            {
                throw new ArgumentsException("The entries are due while they are loaded: use a greater --lead.");
            }

            store.Put($"session:{entry:D12}", value, new PutOptions { Ttl = left });
        }
    }

    private static void Print(int round, LatencyFigures[] before, LatencyFigures[] during, TimeSpan gone)
    {
        Console.WriteLine($"\nround {round + 1}: all were gone {gone.TotalSeconds:0.00} s after the first was due");
        Console.WriteLine(
            $"  {"store",-12} {"",-8} {"gets",9} {"p50",8} {"p99",8} {"longest",9} {"p99 since due",15} {"longest since due",19}");
        for (int store = 0; store < Stores.Length; store++)
        {
            PrintRow(Stores[store], "before", before[store]);
            PrintRow(Stores[store], "while", during[store]);
            Console.WriteLine(
                $"  {string.Empty,-12} {"times",-8} {string.Empty,9} {during[store].P50 / before[store].P50,8:0.00} "
                + $"{during[store].P99 / before[store].P99,8:0.00} "
                + $"{during[store].Longest / before[store].Longest,9:0.00} {during[store].P99SinceDue / before[store].P99SinceDue,15:0.00}");
        }
    }

    private static void PrintRow(string store, string phase, LatencyFigures figures) => Console.WriteLine(
        $"  {store,-12} {phase,-8} {figures.Gets,9:N0} {figures.P50,8:0.00} {figures.P99,8:0.00} {figures.Longest,9:0.0} "
        + $"{figures.P99SinceDue,15:0.00} {figures.LongestSinceDue,19:0.0}");
}
