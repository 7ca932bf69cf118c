using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Benchmarks.Loops;

/// <summary><see cref="IDistributedCache.Get"/>.</summary>
internal readonly struct GetCall<TSide>(IDistributedCache cache) : ICall
    where TSide : struct, ISide
{
    public void Make(string key)
    {
        if (cache.Get(key) is null)
        {
            Miss.Throw(key);
        }
    }
}

/// <summary><see cref="IDistributedCache.GetAsync"/>, which both sides finish at once.</summary>
internal readonly struct GetAsyncCall<TSide>(IDistributedCache cache) : ICall
    where TSide : struct, ISide
{
    public void Make(string key)
    {
        if (cache.GetAsync(key).GetAwaiter().GetResult() is null)
        {
            Miss.Throw(key);
        }
    }
}

/// <summary>Get of text, as most applications do it.</summary>
internal readonly struct GetStringCall<TSide>(IDistributedCache cache) : ICall
    where TSide : struct, ISide
{
    public void Make(string key)
    {
        if (cache.GetString(key) is null)
        {
            Miss.Throw(key);
        }
    }
}

/// <summary><see cref="IDistributedCache.Set"/> over an entry.</summary>
internal readonly struct SetCall<TSide>(
    IDistributedCache cache,
    byte[] value,
    DistributedCacheEntryOptions options) : ICall
    where TSide : struct, ISide
{
    public void Make(string key) => cache.Set(key, value, options);
}

/// <summary>Get into a buffer, which only some caches can.</summary>
internal readonly struct TryGetCall(IBufferDistributedCache cache, ArrayBufferWriter<byte> buffer) : ICall
{
    public void Make(string key)
    {
        buffer.ResetWrittenCount();
        if (!cache.TryGet(key, buffer))
        {
            Miss.Throw(key);
        }
    }
}

/// <summary>What HybridCache does with a cache that knows no buffers: get, then copy.</summary>
internal readonly struct GetAndCopyCall(IDistributedCache cache, ArrayBufferWriter<byte> buffer) : ICall
{
    public void Make(string key)
    {
        buffer.ResetWrittenCount();
        byte[]? value = cache.Get(key);
        if (value is null)
        {
            Miss.Throw(key);
        }

        buffer.Write(value);
    }
}

/// <summary>Out of the calls' way.</summary>
internal static class Miss
{
    [DoesNotReturn]
    internal static void Throw(string key) => throw new InvalidOperationException($"'{key}' is not in the cache.");
}
