using Holdfast.Benchmarks.Loops;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;

namespace Holdfast.Benchmarks.Remote;

/// <summary>Holdfast's client, and its cache as an application gets it from its container.</summary>
internal sealed class HoldfastRemote : RemoteSide
{
    private readonly HoldfastClient _client;
    private readonly ServiceProvider _services;
    private readonly IDistributedCache _cache;
    private readonly string _storeClass;

    private HoldfastRemote(HoldfastClient client, ServiceProvider services, string storeClass, int serverProcess)
        : base(serverProcess)
    {
        _client = client;
        _services = services;
        _cache = services.GetRequiredService<IDistributedCache>();
        _storeClass = storeClass;
    }

    internal override string Name => "Holdfast";

    internal override string Description =>
        $"Holdfast {VersionOf(typeof(HoldfastClient))} (typed calls: a store of class {_storeClass})";

    internal static async Task<HoldfastRemote> ConnectAsync(string node, string storeClass, int serverProcess)
    {
        HoldfastClient client = await HoldfastClient.ConnectAsync($"{node}/bench-{storeClass}?class={storeClass}");
        ServiceProvider services = new ServiceCollection()
            .AddHoldfastDistributedCache(options =>
            {
                options.ConnectionString = $"{node}/bench-distributed-cache";
                options.InstanceName = "shop:";
            })
            .BuildServiceProvider();
        return new HoldfastRemote(client, services, storeClass, serverProcess);
    }

    internal override RemoteLoop Gets(string[] keys) => new RemoteLoop<HoldfastGet, byte[]?>(new(_client), keys);

    internal override RemoteLoop Sets(string[] keys, byte[] value) =>
        new RemoteLoop<HoldfastPut, long>(new(_client, value), keys);

    internal override RemoteLoop CacheGets(string[] keys) =>
        new RemoteLoop<CacheGet<HoldfastSide>, byte[]?>(new(_cache), keys);

    internal override RemoteLoop CacheSets(string[] keys, byte[] value) =>
        new RemoteChangeLoop<CacheSet<HoldfastSide>>(new(_cache, value), keys);

    internal override async Task<byte[]?> GetAsync(string key) => await _client.GetAsync<byte[]>(key);

    internal override async Task SetAsync(string key, byte[] value) => await _client.PutAsync(key, value);

    internal override Task CacheSetAsync(string key, byte[] value) => _cache.SetAsync(key, value);

    public override async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _client.DisposeAsync();
    }
}
