using BitFaster.Caching.Lfu;
using BitFaster.Caching.Scheduler;

namespace Holdfast.Benchmarks.Traces;

/// <summary>BitFaster.Caching's W-TinyLFU, maintained by the calling thread, so that each run gives the same.</summary>
internal sealed class BitFasterLfu(int capacity) : ITracedCache
{
    private readonly ConcurrentLfu<int, int> _lfu = new(1, capacity, new ForegroundScheduler(), EqualityComparer<int>.Default);

    public bool Request(int key)
    {
        if (_lfu.TryGet(key, out _))
        {
            return true;
        }

        _lfu.AddOrUpdate(key, key);
        return false;
    }
}
