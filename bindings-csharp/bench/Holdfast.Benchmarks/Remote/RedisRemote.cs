using Holdfast.Benchmarks.Loops;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace Holdfast.Benchmarks.Remote;

/// <summary>
/// StackExchange.Redis as it comes, and Microsoft's cache over it as an application gets it from its container.
/// </summary>
internal sealed class RedisRemote : RemoteSide
{
    private readonly ConnectionMultiplexer _connection;
    private readonly IDatabase _database;
    private readonly ServiceProvider _services;
    private readonly IDistributedCache _cache;

    private RedisRemote(ConnectionMultiplexer connection, ServiceProvider services, int serverProcess)
        : base(serverProcess)
    {
        _connection = connection;
        _database = connection.GetDatabase();
        _services = services;
        _cache = services.GetRequiredService<IDistributedCache>();
    }

    internal override string Name => "Redis";

    internal override string Description =>
        $"StackExchange.Redis {VersionOf(typeof(ConnectionMultiplexer))} and Microsoft.Extensions.Caching.StackExchangeRedis "
        + $"{VersionOf(typeof(RedisCache))} on redis-server {_connection.GetServers()[0].Version}";

    internal static async Task<RedisRemote> ConnectAsync(string server, int serverProcess)
    {
        ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(server);
        ServiceProvider services = new ServiceCollection()
            .AddStackExchangeRedisCache(options =>
            {
                options.Configuration = server;
                options.InstanceName = "shop:";
            })
            .BuildServiceProvider();
        return new RedisRemote(connection, services, serverProcess);
    }

    internal override RemoteLoop Gets(string[] keys) => new RemoteLoop<RedisGet, RedisValue>(new(_database), keys);

    internal override RemoteLoop Sets(string[] keys, byte[] value) =>
        new RemoteLoop<RedisSet, bool>(new(_database, value), keys);

    internal override RemoteLoop CacheGets(string[] keys) =>
        new RemoteLoop<CacheGet<RedisSide>, byte[]?>(new(_cache), keys);

    internal override RemoteLoop CacheSets(string[] keys, byte[] value) =>
        new RemoteChangeLoop<CacheSet<RedisSide>>(new(_cache, value), keys);

    internal override async Task<byte[]?> GetAsync(string key) => await _database.StringGetAsync(key);

    internal override Task SetAsync(string key, byte[] value) => _database.StringSetAsync(key, value);

    internal override Task CacheSetAsync(string key, byte[] value) => _cache.SetAsync(key, value);

    public override async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
