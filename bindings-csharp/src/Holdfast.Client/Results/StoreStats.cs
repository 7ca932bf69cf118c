using System.Globalization;

namespace Holdfast;

/// <summary>Counters of a store, since its node started.</summary>
public sealed class StoreStats
{
    /// <summary>Reads that found an entry.</summary>
    public long Hits { get; init; }

    /// <summary>Reads that found none.</summary>
    public long Misses { get; init; }

    /// <summary>Entries evicted for room.</summary>
    public long Evictions { get; init; }

    /// <summary>Entries that expired.</summary>
    public long Expirations { get; init; }

    /// <summary>Entries now.</summary>
    public long Entries { get; init; }

    /// <summary>Bytes now: keys, values and overhead.</summary>
    public long Bytes { get; init; }

    /// <summary>The memory budget in bytes.</summary>
    public long MaxMemory { get; init; }

    /// <summary>Changes applied.</summary>
    public long Changes { get; init; }

    /// <summary>All of them on one line.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Entries} entries in {Bytes} of {MaxMemory} bytes; {Hits} hits, {Misses} misses, {Evictions} evictions, {Expirations} expirations, {Changes} changes");
}
