using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class HybridCacheTests : IAsyncLifetime
{
    private readonly string _connectionString = TestNode.ConnectionString("cache", "&class=cache&max-memory=1MiB");
    private HoldfastClient _node = null!;

    public Task InitializeAsync()
    {
        _node = TestNode.Beside(_connectionString);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task What_one_instance_of_an_application_made_another_one_reads()
    {
        await using var first = Instance();
        await using var second = Instance();
        var product = new Product(1, "Laptop");

        Assert.Equal(product, await first.Get("product:1", () => product));
        Assert.Equal(product, await first.Get("product:1", NotCalled));
        Assert.Equal(product, await second.Get("product:1", NotCalled));
    }

    [Fact]
    public async Task A_value_of_100_KB_is_read_by_another_instance()
    {
        await using var first = Instance();
        await using var second = Instance();
        var product = new Product(1, new string('x', 50_000));

        await first.Get("product:1", () => product);
        Assert.Equal(product, await second.Get("product:1", NotCalled));
    }

    [Fact]
    public async Task A_removed_entry_is_made_anew_by_another_instance()
    {
        await using var first = Instance();
        await using var second = Instance();
        await first.Get("product:1", () => new Product(1, "Laptop"));
        await first.Cache.RemoveAsync("product:1");

        Assert.Equal("Desk", (await second.Get("product:1", () => new Product(1, "Desk"))).Name);
    }

    [Fact]
    public async Task An_entry_expires_in_the_store()
    {
        await using var first = Instance();
        await using var second = Instance();
        var options = new HybridCacheEntryOptions { Expiration = TimeSpan.FromMinutes(5) };
        await first.Cache.GetOrCreateAsync("key", _ => ValueTask.FromResult("old"), options);
        await first.IsWritten("key");

        _node.AdvanceClock(TimeSpan.FromMinutes(5));
        Assert.Equal("new", await second.Cache.GetOrCreateAsync("key", _ => ValueTask.FromResult("new"), options));
    }

    [Theory]
    [InlineData("products")]
    [InlineData("*")]
    public async Task An_invalidated_tag_stays_invalidated_for_other_instances_whatever_pressure_there_is(string tag)
    {
        await using var first = Instance();
        await first.Cache.SetAsync("product:1", new Product(1, "Laptop"), tags: ["products"]);
        await first.Cache.RemoveByTagAsync(tag);
        var bytes = first.Services.GetRequiredService<IDistributedCache>();
        for (var index = 0; index < 5_000; index++)
        {
            await bytes.SetAsync($"filler:{index}", new byte[1_000], new());
        }

        Assert.NotNull(await bytes.GetAsync("product:1"));
        await using var second = Instance();
        // HybridCache asks for the marker of "*" once, beside the first calls, which go by what they know until it is there.
        await Eventually.True(async () => (await second.Get("product:1", () => new Product(1, "Desk"))).Name == "Desk");
    }

    [Fact]
    public async Task A_keyed_cache_serves_a_keyed_HybridCache()
    {
        var services = new ServiceCollection();
        services.AddKeyedHoldfastDistributedCache("pages", options =>
        {
            options.ConnectionString = _connectionString;
            options.InstanceName = "pages:";
        });
        services.AddKeyedHybridCache("pages", static options => options.DistributedCacheServiceKey = "pages");
        await using var provider = services.BuildServiceProvider();

        await provider.GetRequiredKeyedService<HybridCache>("pages").SetAsync("key", "value");
        Assert.NotNull(await provider.GetRequiredKeyedService<IDistributedCache>("pages").GetAsync("key"));
    }

    private static Product NotCalled() => throw new InvalidOperationException("The entry is in the cache.");

    private ApplicationInstance Instance()
    {
        var services = new ServiceCollection();
        services.AddHoldfastDistributedCache(options =>
        {
            options.ConnectionString = _connectionString;
            // An invalidated entry outlives the pressure, so that only its tag's marker keeps it away.
            options.PinnedKeyPrefixes.Add("product:");
        });
        services.AddHybridCache();
        return new ApplicationInstance(services.BuildServiceProvider());
    }

    private sealed record Product(int Id, string Name);

    private sealed class ApplicationInstance(ServiceProvider services) : IAsyncDisposable
    {
        internal ServiceProvider Services { get; } = services;

        internal HybridCache Cache { get; } = services.GetRequiredService<HybridCache>();

        /// <summary>Gets or makes a product. HybridCache gives it before it has written it: this returns after that.</summary>
        internal async Task<Product> Get(string key, Func<Product> make)
        {
            var product = await Cache.GetOrCreateAsync(key, _ => ValueTask.FromResult(make()), tags: ["products"]);
            await IsWritten(key);
            return product;
        }

        internal Task IsWritten(string key)
        {
            var store = Services.GetRequiredService<IDistributedCache>();
            return Eventually.True(() => store.Get(key) is not null);
        }

        public ValueTask DisposeAsync() => Services.DisposeAsync();
    }
}
