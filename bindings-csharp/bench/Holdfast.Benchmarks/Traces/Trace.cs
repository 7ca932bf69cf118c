namespace Holdfast.Benchmarks.Traces;

/// <summary>Sequences of requests, the same on every run.</summary>
internal static class Trace
{
    private const int PopularKeys = 1_000_000;
    private const int ScannedKeys = 4_000_000;

    /// <summary>Requests by popularity alone.</summary>
    internal static int[] OfPopularity(int requests)
    {
        var popularity = new Zipf(PopularKeys, 1UL << 40);
        int[] keys = new int[requests];
        for (int request = 0; request < requests; request++)
        {
            keys[request] = popularity.Next();
        }

        return keys;
    }

    /// <summary>
    /// The same, and now and then a scan of twice the capacity through rarely used keys: two of seven requests.
    /// </summary>
    internal static int[] WithScans(int requests, int capacity)
    {
        var popularity = new Zipf(PopularKeys, 2UL << 40);
        int scanned = 0;
        int[] keys = new int[requests];
        for (int request = 0; request < requests; request++)
        {
            if (request % (capacity * 7L) < capacity * 5L)
            {
                keys[request] = popularity.Next();
            }
            else
            {
                scanned = (scanned + 1) % ScannedKeys;
                keys[request] = PopularKeys + scanned;
            }
        }

        return keys;
    }
}
