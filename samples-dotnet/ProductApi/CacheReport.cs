using System.Diagnostics;
using Holdfast;

namespace ProductApi;

/// <summary>What the cache has saved so far: the service's own timings, and the store's own counters.</summary>
public sealed class CacheReport([FromKeyedServices("cache")] HoldfastClient store)
{
    private readonly Lock _guard = new();
    private long _hits;
    private long _misses;
    private double _hitMilliseconds;
    private double _missMilliseconds;
    private double _savedMilliseconds;

    /// <summary>Times one read, which counts once it is known to be a hit or a miss.</summary>
    public Timing Begin() => new(this);

    public async Task<CacheFigures> ReadAsync()
    {
        var counters = await store.StatsAsync();
        lock (_guard)
        {
            return new CacheFigures(
                _hits,
                _misses,
                Average(_hitMilliseconds, _hits),
                Average(_missMilliseconds, _misses),
                _savedMilliseconds,
                counters.Entries,
                counters.Bytes);
        }
    }

    private static double Average(double total, long count) => count == 0 ? 0 : total / count;

    /// <summary>A hit saves what the database took on average until now, less what the hit itself took.</summary>
    private void AddHit(double milliseconds)
    {
        lock (_guard)
        {
            _hits++;
            _hitMilliseconds += milliseconds;
            _savedMilliseconds += Math.Max(0, Average(_missMilliseconds, _misses) - milliseconds);
        }
    }

    private void AddMiss(double milliseconds)
    {
        lock (_guard)
        {
            _misses++;
            _missMilliseconds += milliseconds;
        }
    }

    /// <summary>One read that is being timed; disposing it ends it.</summary>
    public sealed class Timing(CacheReport report) : IDisposable
    {
        private readonly long _started = Stopwatch.GetTimestamp();
        private Action<double>? _count;

        public void Hit() => _count = report.AddHit;

        /// <summary>The database had the product. A read of a product that nobody has is neither hit nor miss.</summary>
        public void Miss() => _count = report.AddMiss;

        public void Dispose() => _count?.Invoke(Stopwatch.GetElapsedTime(_started).TotalMilliseconds);
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
