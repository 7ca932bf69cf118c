using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;

namespace Holdfast.Benchmarks.Workload;

/// <summary>
/// Holdfast's and Microsoft's cache in the process, each as an application gets it from its container, with the same
/// entries.
/// </summary>
internal sealed class CachePair : IDisposable
{
    private static int s_nodes;

    private readonly ServiceProvider _holdfast;
    private readonly ServiceProvider _memory;

    internal CachePair(string instanceName = "")
    {
        // A node of its own: what earlier benchmarks left behind does not count.
        string node = $"bench-{Environment.ProcessId}-{Interlocked.Increment(ref s_nodes)}";
        _holdfast = new ServiceCollection()
            .AddHoldfastDistributedCache(options =>
            {
                options.ConnectionString = $"holdfast://embedded/cache?node={node}&max-memory=64MiB";
                options.InstanceName = instanceName;
            })
            .BuildServiceProvider();
        _memory = new ServiceCollection().AddDistributedMemoryCache().BuildServiceProvider();
        Holdfast = (IBufferDistributedCache)_holdfast.GetRequiredService<IDistributedCache>();
        Memory = _memory.GetRequiredService<IDistributedCache>();
    }

    internal IBufferDistributedCache Holdfast { get; }

    internal IDistributedCache Memory { get; }

    /// <summary>Sets the value of so many keys in both.</summary>
    internal void Fill(int keyCount, byte[] value, DistributedCacheEntryOptions options)
    {
        foreach (string key in ProductKeys.ToFill(keyCount))
        {
            Holdfast.Set(key, value, options);
            Memory.Set(key, value, options);
        }
    }

    public void Dispose()
    {
        _holdfast.Dispose();
        _memory.Dispose();
    }
}
