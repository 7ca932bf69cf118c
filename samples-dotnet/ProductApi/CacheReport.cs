using System.Diagnostics;
using Holdfast;

namespace ProductApi;

/// <summary>What the cache has saved so far: the service's own timings, and the store's own counters.</summary>
public sealed class CacheReport([FromKeyedServices("cache")] HoldfastClient store)
{
    private long _hits;
    private long _misses;
    private long _hitTicks;
    private long _missTicks;

    /// <summary>Times one read, a miss unless told otherwise.</summary>
    public Timing Begin() => new(this);

    public async Task<CacheFigures> ReadAsync()
    {
        var hits = Interlocked.Read(ref _hits);
        var misses = Interlocked.Read(ref _misses);
        var hit = Average(Interlocked.Read(ref _hitTicks), hits);
        var miss = Average(Interlocked.Read(ref _missTicks), misses);
        var saved = hits == 0 || misses == 0 ? 0 : Math.Max(0, (miss - hit) * hits);
        var counters = await store.StatsAsync();
        return new CacheFigures(hits, misses, hit, miss, saved, counters.Entries, counters.Bytes);
    }

    private static double Average(long ticks, long count) =>
        count == 0 ? 0 : Stopwatch.GetElapsedTime(0, ticks).TotalMilliseconds / count;

    /// <summary>One read that is being timed; disposing it ends it.</summary>
    public sealed class Timing(CacheReport report) : IDisposable
    {
        private readonly long _started = Stopwatch.GetTimestamp();
        private bool _hit;

        public void Hit() => _hit = true;

        public void Dispose()
        {
            var ticks = Stopwatch.GetTimestamp() - _started;
            Interlocked.Increment(ref _hit ? ref report._hits : ref report._misses);
            Interlocked.Add(ref _hit ? ref report._hitTicks : ref report._missTicks, ticks);
        }
    }
}

/// <summary>Reads of products, in milliseconds, and what the store holds.</summary>
public sealed record CacheFigures(
    long Hits,
    long Misses,
    double HitMilliseconds,
    double MissMilliseconds,
    double SavedMilliseconds,
    long Entries,
    long Bytes);
