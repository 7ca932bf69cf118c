using System.Runtime.InteropServices;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>A store's counters.</summary>
internal readonly struct StatsReader : IReplyReader<StoreStats>
{
    public StoreStats Read(in Reply reply)
    {
        HfStats.Unmanaged stats = MemoryMarshal.Read<HfStats.Unmanaged>(reply.Data);
        return new StoreStats
        {
            Hits = (long)stats.hits,
            Misses = (long)stats.misses,
            Evictions = (long)stats.evictions,
            Expirations = (long)stats.expirations,
            Entries = (long)stats.entries,
            Bytes = (long)stats.bytes,
            MaxMemory = (long)stats.max_memory,
            Changes = (long)stats.changes,
        };
    }
}
