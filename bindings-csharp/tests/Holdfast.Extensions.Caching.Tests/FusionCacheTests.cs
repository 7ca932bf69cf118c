using System.Text.Json;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using ZiggyCreatures.Caching.Fusion;
using ZiggyCreatures.Caching.Fusion.Serialization;

namespace Holdfast.Extensions.Caching.Tests;

/// <summary>FusionCache keeps markers of invalidated tags as entries: they must not be evicted.</summary>
public sealed class FusionCacheTests
{
    [Fact]
    public async Task An_invalidated_tag_stays_invalidated_for_other_instances_whatever_pressure_there_is()
    {
        await using var store = Store();
        var bytes = store.GetRequiredService<IDistributedCache>();
        await using var first = Instance(bytes);
        var cache = first.GetRequiredService<IFusionCache>();
        await cache.SetAsync("product:1", "Laptop", tags: ["products"]);
        await using (var second = Instance(bytes))
        {
            Assert.Equal("Laptop", await second.GetRequiredService<IFusionCache>().GetOrDefaultAsync<string>("product:1"));
        }

        await cache.RemoveByTagAsync("products");
        for (var index = 0; index < 5_000; index++)
        {
            await bytes.SetAsync($"filler:{index}", new byte[1_000], new());
        }

        Assert.NotNull(await bytes.GetAsync("v2:product:1"));
        await using var third = Instance(bytes);
        Assert.Null(await third.GetRequiredService<IFusionCache>().GetOrDefaultAsync<string>("product:1"));
    }

    private static ServiceProvider Store()
    {
        // On the clock of the system: FusionCache takes its absolute deadlines from there.
        var services = new ServiceCollection();
        services.AddHoldfastDistributedCache(static options =>
        {
            options.ConnectionString = TestNode.ConnectionString("cache");
            options.MaxMemory = "1MiB";
            // The invalidated entry itself outlives the pressure, so that only its tag's marker keeps it away.
            options.PinnedKeyPrefixes.Add("v2:product:");
        });
        return services.BuildServiceProvider();
    }

    private static ServiceProvider Instance(IDistributedCache cache)
    {
        var services = new ServiceCollection();
        services.AddFusionCache()
            .WithDistributedCache(cache)
            .WithSerializer(new JsonSerializerOfFusionCache())
            .WithDefaultEntryOptions(static options =>
            {
                options.AllowBackgroundDistributedCacheOperations = false;
                options.ReThrowDistributedCacheExceptions = true;
                options.ReThrowSerializationExceptions = true;
            });
        return services.BuildServiceProvider();
    }

    private sealed class JsonSerializerOfFusionCache : IFusionCacheSerializer
    {
        public byte[] Serialize<T>(T? obj) => JsonSerializer.SerializeToUtf8Bytes(obj);

        public T? Deserialize<T>(byte[] data) => JsonSerializer.Deserialize<T>(data);

        public ValueTask<byte[]> SerializeAsync<T>(T? obj, CancellationToken token = default) => ValueTask.FromResult(Serialize(obj));

        public ValueTask<T?> DeserializeAsync<T>(byte[] data, CancellationToken token = default) => ValueTask.FromResult(Deserialize<T>(data));
    }
}
