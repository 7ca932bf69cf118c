using System.Diagnostics.Metrics;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>
/// The embedded stores that are open in this process, for the instruments that observe them. Of stores on servers it
/// is the servers that tell.
/// </summary>
internal static class LiveStores
{
    private static readonly Lock Guard = new();
    private static readonly List<WeakReference<OpenStore>> Stores = [];

    internal static void Add(OpenStore store)
    {
        lock (Guard)
        {
            Stores.RemoveAll(static known => !known.TryGetTarget(out _));
            Stores.Add(new WeakReference<OpenStore>(store));
        }
    }

    /// <summary>One measurement for each store, however many clients have it open.</summary>
    internal static IEnumerable<Measurement<long>> Measure(Func<StoreStats, long> value)
    {
        var seen = new HashSet<(string, string)>();
        foreach (OpenStore store in Snapshot())
        {
            if (!seen.Contains((store.Native.EmbeddedNodeName, store.Name)) && TryGetStats(store) is { } stats)
            {
                seen.Add((store.Native.EmbeddedNodeName, store.Name));
                yield return new Measurement<long>(
                    value(stats),
                    new("db.namespace", store.Name),
                    new("holdfast.node.name", store.Native.EmbeddedNodeName));
            }
        }
    }

    private static OpenStore[] Snapshot()
    {
        lock (Guard)
        {
            return [.. Stores.Select(static known => known.TryGetTarget(out OpenStore? store) ? store : null).OfType<OpenStore>()];
        }
    }

    private static StoreStats? TryGetStats(OpenStore store)
    {
        try
        {
            var operation = new Operation { Op = Op.Stats };
            return store.CallUnmeasured<StoreStats, StatsReader>(ref operation, default);
        }
        catch (Exception error) when (error is ObjectDisposedException or HoldfastException or TimeoutException)
        {
            return null; // closed or failing: there is nothing to observe
        }
    }
}
