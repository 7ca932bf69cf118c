using Holdfast.Benchmarks.Loops;
using Microsoft.Extensions.Caching.Distributed;
using StackExchange.Redis;

namespace Holdfast.Benchmarks.Remote;

/// <summary>Holdfast's typed get.</summary>
internal readonly struct HoldfastGet(HoldfastClient client) : IRemoteCall<byte[]?>
{
    public ValueTask<byte[]?> MakeAsync(string key) => client.GetAsync<byte[]>(key);

    public void Check(byte[]? result, string key) => Hit.Require(result, key);
}

/// <summary>Holdfast's put over an entry.</summary>
internal readonly struct HoldfastPut(HoldfastClient client, byte[] value) : IRemoteCall<long>
{
    public ValueTask<long> MakeAsync(string key) => client.PutAsync(key, value);

    public void Check(long result, string key)
    {
    }
}

/// <summary>StackExchange.Redis' get, to an array as well.</summary>
internal readonly struct RedisGet(IDatabase database) : IRemoteCall<RedisValue>
{
    public ValueTask<RedisValue> MakeAsync(string key) => new(database.StringGetAsync(key));

    public void Check(RedisValue result, string key) => Hit.Require((byte[]?)result, key);
}

/// <summary>StackExchange.Redis' set over an entry.</summary>
internal readonly struct RedisSet(IDatabase database, byte[] value) : IRemoteCall<bool>
{
    public ValueTask<bool> MakeAsync(string key) => new(database.StringSetAsync(key, value));

    public void Check(bool result, string key)
    {
    }
}

/// <summary><see cref="IDistributedCache.GetAsync"/>.</summary>
internal readonly struct CacheGet<TSide>(IDistributedCache cache) : IRemoteCall<byte[]?>
    where TSide : struct, ISide
{
    public ValueTask<byte[]?> MakeAsync(string key) => new(cache.GetAsync(key));

    public void Check(byte[]? result, string key) => Hit.Require(result, key);
}

/// <summary><see cref="IDistributedCache.SetAsync"/> over an entry.</summary>
internal readonly struct CacheSet<TSide>(IDistributedCache cache, byte[] value) : IRemoteChange
    where TSide : struct, ISide
{
    private static readonly DistributedCacheEntryOptions NoExpiry = new();

    public Task MakeAsync(string key) => cache.SetAsync(key, value, NoExpiry);
}

/// <summary>Out of the calls' way.</summary>
internal static class Hit
{
    internal static void Require(byte[]? value, string key)
    {
        if (value is null)
        {
            Miss.Throw(key);
        }
    }
}
