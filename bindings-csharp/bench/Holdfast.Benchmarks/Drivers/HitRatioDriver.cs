using Holdfast.Benchmarks.Traces;

namespace Holdfast.Benchmarks.Drivers;

/// <summary>
/// Hit ratios of a cache store under a budget. The references get room for as many entries as the store really held on
/// the average; ratios are percent of the last two thirds of the requests.
/// </summary>
internal static class HitRatioDriver
{
    internal static void Run(Arguments arguments)
    {
        int budgetMib = arguments.Number("budget-mib", 16);
        int requests = arguments.Number("requests", 6_000_000);
        arguments.RequireNothingLeft();

        int capacity = EntriesThatFit(budgetMib);
        Console.WriteLine(
            $"{budgetMib} MiB, about {capacity:N0} entries of 20 B keys and 100 B values; {requests:N0} requests; "
            + "bar: above LRU, within 1 point of LFU");
        Console.WriteLine($"{"trace",-12} {"entries",20} {"LRU",8} {"LFU",8} {"Holdfast",9} {"to LRU",8} {"to LFU",8}");
        Compare("zipf 0.9", Trace.OfPopularity(requests), budgetMib);
        Compare("with scans", Trace.WithScans(requests, capacity), budgetMib);
    }

    /// <summary>Fills a store beyond its budget and looks how many entries stay.</summary>
    private static int EntriesThatFit(int budgetMib)
    {
        using var store = new HoldfastStore(budgetMib);
        for (int key = 0; store.Stats.Evictions == 0; key += 1_000)
        {
            for (int offset = 0; offset < 1_000; offset++)
            {
                _ = store.Request(key + offset);
            }
        }

        return checked((int)store.Stats.Entries);
    }

    private static void Compare(string name, int[] keys, int budgetMib)
    {
        using var store = new HoldfastStore(budgetMib);
        double holdfast = HitRatio(store, keys, store.ForgetEntries);
        int held = (int)Math.Round(store.Entries.Average());
        double lru = HitRatio(new ExactLru(held), keys);
        double lfu = HitRatio(new BitFasterLfu(held), keys);
        string entries = $"{store.Entries.Min():0} to {store.Entries.Max():0}";
        Console.WriteLine(
            $"{name,-12} {entries,20} {lru,8:0.00} {lfu,8:0.00} {holdfast,9:0.00} {holdfast - lru,8:+0.00;-0.00} {holdfast - lfu,8:+0.00;-0.00}");
    }

    private static double HitRatio(ITracedCache cache, int[] keys, Action? warmedUp = null)
    {
        int warmUp = keys.Length / 3;
        foreach (int key in keys.AsSpan(0, warmUp))
        {
            _ = cache.Request(key);
        }

        warmedUp?.Invoke();
        long hits = 0;
        foreach (int key in keys.AsSpan(warmUp))
        {
            hits += cache.Request(key) ? 1 : 0;
        }

        return 100.0 * hits / (keys.Length - warmUp);
    }
}
