using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class CacheRegistrationTests
{
    [Fact]
    public void Each_method_returns_the_same_collection()
    {
        var services = new ServiceCollection();

        Assert.Same(services, services.AddHoldfastDistributedCache());
        Assert.Same(services, services.AddHoldfastDistributedCache(_ => { }));
        Assert.Same(services, services.AddKeyedHoldfastDistributedCache("key", _ => { }));
    }

    [Fact]
    public void The_cache_is_a_singleton_under_both_interfaces()
    {
        var services = new ServiceCollection();
        services.AddHoldfastDistributedCache();

        Assert.Equal(ServiceLifetime.Singleton, services.Single(static service => service.ServiceType == typeof(IDistributedCache)).Lifetime);
        using var provider = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
        using var scope = provider.CreateScope();
        var cache = provider.GetRequiredService<IDistributedCache>();
        Assert.Same(cache, scope.ServiceProvider.GetRequiredService<IDistributedCache>());
        Assert.Same(cache, provider.GetRequiredService<IBufferDistributedCache>());
    }

    [Fact]
    public void The_last_registration_wins()
    {
        var services = new ServiceCollection();
        services.AddDistributedMemoryCache();
        services.AddHoldfastDistributedCache();
        using var holdfast = services.BuildServiceProvider();
        Assert.IsType<HoldfastDistributedCache>(holdfast.GetRequiredService<IDistributedCache>());

        services.Replace(ServiceDescriptor.Singleton<IDistributedCache, MemoryDistributedCache>());
        services.AddHoldfastDistributedCache();
        services.Add(ServiceDescriptor.Singleton<IDistributedCache, MemoryDistributedCache>());
        using var memory = services.BuildServiceProvider();
        Assert.IsType<MemoryDistributedCache>(memory.GetRequiredService<IDistributedCache>());
    }

    [Fact]
    public async Task After_dispose_every_call_is_an_ObjectDisposedException()
    {
        var connectionString = TestNode.ConnectionString("cache");
        await using var node = TestNode.Beside(connectionString);
        foreach (var use in (bool[])[true, false])
        {
            var services = new ServiceCollection();
            services.AddHoldfastDistributedCache(options => options.ConnectionString = connectionString);
            var provider = services.BuildServiceProvider();
            var cache = provider.GetRequiredService<IBufferDistributedCache>();
            if (use)
            {
                cache.Set("key", [1], new());
            }

            await provider.DisposeAsync();
            await AssertDisposed(cache);
        }
    }

    [Fact]
    public async Task A_cache_on_a_shared_client_is_disposed_too()
    {
        var connectionString = TestNode.ConnectionString("app");
        var services = new ServiceCollection();
        services.AddHoldfast(options => options.ConnectionString = connectionString);
        services.AddHoldfastDistributedCache();
        var provider = services.BuildServiceProvider();
        var cache = provider.GetRequiredService<IBufferDistributedCache>();
        cache.Set("key", [1], new());

        provider.Dispose();
        await AssertDisposed(cache);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Without_a_connection_string_the_cache_is_the_store_cache_of_AddHoldfast_in_either_order(bool clientFirst)
    {
        var connectionString = TestNode.ConnectionString("app");
        var logs = new RecordedLogs();
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(logs));
        services.AddSingleton<IHostEnvironment>(new ProductionEnvironment());
        if (clientFirst)
        {
            services.AddHoldfast(options => options.ConnectionString = connectionString);
        }

        services.AddHoldfastDistributedCache(options => options.InstanceName = "shop:");
        if (!clientFirst)
        {
            services.AddHoldfast(options => options.ConnectionString = connectionString);
        }

        await using var provider = services.BuildServiceProvider();
        provider.GetRequiredService<IDistributedCache>().Set("key", [1], new());

        var client = provider.GetRequiredService<HoldfastClient>();
        Assert.Equal("app", client.StoreName);
        Assert.Null(client.Get<byte[]>("shop:key"));
        var store = provider.GetRequiredKeyedService<HoldfastClient>("cache");
        Assert.Equal([1], store.Get<byte[]>("shop:key"));
        Assert.Equal(HoldfastStoreClass.Cache, await TestNode.ClassOf(store));
        Assert.Empty(logs.Warnings);
    }

    [Fact]
    public async Task A_client_keyed_by_the_caches_store_opens_it_as_the_cache_does()
    {
        var connectionString = TestNode.ConnectionString("app");
        var services = new ServiceCollection();
        services.AddHoldfast(options => options.ConnectionString = connectionString);
        services.AddHoldfastDistributedCache(options => options.MaxMemory = "4MiB");
        await using var provider = services.BuildServiceProvider();

        var store = provider.GetRequiredKeyedService<HoldfastClient>("cache");
        Assert.Equal(HoldfastStoreClass.Cache, await TestNode.ClassOf(store));
        Assert.Equal(4L << 20, store.Stats().MaxMemory);
        provider.GetRequiredService<IDistributedCache>().Set("key", [1], new());
        Assert.Equal([1], store.Get<byte[]>("key"));
    }

    [Fact]
    public async Task The_store_settings_of_AddHoldfast_hold_for_the_cache()
    {
        var connectionString = TestNode.ConnectionString("app");
        var services = new ServiceCollection();
        services.AddHoldfast(options =>
        {
            options.ConnectionString = connectionString;
            options.Stores["sessions"] = new() { MaxMemory = "2MiB" };
        });
        services.AddHoldfastDistributedCache(static options => options.StoreName = "sessions");
        await using var provider = services.BuildServiceProvider();
        provider.GetRequiredService<IDistributedCache>().Set("key", [1], new());

        var stats = provider.GetRequiredService<HoldfastClient>().Store("sessions").Stats();
        Assert.Equal(2L << 20, stats.MaxMemory);
        Assert.Equal(1, stats.Entries);
    }

    [Fact]
    public async Task A_connection_string_is_no_warning_in_production()
    {
        var logs = new RecordedLogs();
        await using var cache = new ProductionCache(logs, TestNode.ConnectionString("cache"));
        cache.Use();

        Assert.Empty(logs.Warnings);
    }

    [Fact]
    public async Task A_connection_string_may_say_that_the_store_is_of_class_coordination_which_is_one_warning()
    {
        var logs = new RecordedLogs();
        await using var cache = new ProductionCache(logs, TestNode.ConnectionString("locks", "&class=coordination"));
        cache.Use();

        await Eventually.True(() => logs.Warnings.Count > 0);
        Assert.Contains("'locks'", Assert.Single(logs.Warnings).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_that_was_made_as_a_coordination_store_serves_with_one_warning()
    {
        var connectionString = TestNode.ConnectionString("orders");
        await using var orders = await HoldfastClient.ConnectAsync(connectionString);
        orders.Put("order:1", "open");
        Assert.Equal(HoldfastStoreClass.Coordination, await TestNode.ClassOf(orders));
        var logs = new RecordedLogs();
        await using var cache = new ProductionCache(logs, connectionString);
        cache.Use();

        await Eventually.True(() => logs.Warnings.Count > 0);
        Assert.Contains("'orders'", Assert.Single(logs.Warnings).Message, StringComparison.Ordinal);
        Assert.Equal([1], orders.Get<byte[]>("key"));
    }

    [Fact]
    public async Task A_store_of_the_shared_client_that_was_made_as_a_coordination_store_serves_with_one_warning()
    {
        var logs = new RecordedLogs();
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(logs));
        services.AddHoldfast(options => options.ConnectionString = TestNode.ConnectionString("app"));
        services.AddHoldfastDistributedCache();
        await using var provider = services.BuildServiceProvider();
        provider.GetRequiredService<HoldfastClient>().Store("cache").Put("before", "cache");
        var cache = provider.GetRequiredService<IDistributedCache>();
        cache.Set("key", [1], new());

        await Eventually.True(() => logs.Warnings.Count > 0);
        Assert.Contains("'cache'", Assert.Single(logs.Warnings).Message, StringComparison.Ordinal);
        Assert.Equal([1], cache.Get("key"));
        Assert.Equal("cache", provider.GetRequiredKeyedService<HoldfastClient>("cache").Get<string>("before"));
    }

    [Fact]
    public async Task A_store_with_other_settings_is_a_conflict_that_names_them()
    {
        var connectionString = TestNode.ConnectionString("cache", "&class=cache");
        await using var small = await HoldfastClient.ConnectAsync(connectionString + "&max-memory=1MiB");
        await using var cache = new ProductionCache(new RecordedLogs(), connectionString, static options => options.MaxMemory = "2MiB");

        var thrown = Assert.Throws<HoldfastException>(cache.Use);
        Assert.Equal(HoldfastErrorCode.StoreConflict, thrown.Code);
        Assert.Contains("max-memory", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keyed_caches_live_beside_the_plain_one_with_options_of_their_own()
    {
        var services = new ServiceCollection();
        var sessions = TestNode.ConnectionString("sessions");
        var pages = TestNode.ConnectionString("pages");
        services.AddHoldfastDistributedCache(options => options.ConnectionString = pages);
        services.AddKeyedHoldfastDistributedCache("sessions", options => options.ConnectionString = sessions);
        services.AddKeyedHoldfastDistributedCache(7, options =>
        {
            options.ConnectionString = sessions;
            options.InstanceName = "seven:";
        });
        await using var provider = services.BuildServiceProvider();
        var plain = provider.GetRequiredService<IDistributedCache>();
        var keyed = provider.GetRequiredKeyedService<IDistributedCache>("sessions");
        var seven = provider.GetRequiredKeyedService<IBufferDistributedCache>(7);

        keyed.Set("key", [1], new());
        Assert.Null(plain.Get("key"));
        Assert.Null(seven.Get("key"));
        seven.Set("key", [7], new());
        Assert.Equal([7], keyed.Get("seven:key"));
        Assert.Same(keyed, provider.GetRequiredKeyedService<IBufferDistributedCache>("sessions"));
    }

    [Fact]
    public void Options_that_make_no_sense_are_refused_when_the_application_starts()
    {
        (Action<HoldfastCacheOptions> Configure, string Names)[] refused =
        [
            (static options => options.ConnectionString = " ", "ConnectionString"),
            (static options => (options.ConnectionString, options.StoreName) = ("holdfast://embedded/a", "b"), "StoreName"),
            (static options => options.StoreName = "", "StoreName"),
            (static options => options.DefaultEntryOptions = new() { AbsoluteExpiration = DateTimeOffset.MaxValue }, "DefaultEntryOptions"),
            (static options => options.PinnedKeyPrefixes.Add(""), "PinnedKeyPrefixes"),
            (static options => options.PinnedKeyPrefixes = null!, "PinnedKeyPrefixes"),
        ];

        foreach (var (configure, names) in refused)
        {
            var services = new ServiceCollection();
            services.AddHoldfastDistributedCache(configure);
            using var provider = services.BuildServiceProvider();
            var thrown = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IStartupValidator>().Validate());
            Assert.Contains(names, thrown.Message, StringComparison.Ordinal);
            Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IDistributedCache>());
        }
    }

    private static async Task AssertDisposed(IBufferDistributedCache cache)
    {
        Assert.Throws<ObjectDisposedException>(() => cache.Get("key"));
        Assert.Throws<ObjectDisposedException>(() => cache.Set("key", [1], new()));
        Assert.Throws<ObjectDisposedException>(() => cache.Set("key", new([1]), new()));
        Assert.Throws<ObjectDisposedException>(() => cache.TryGet("key", new System.Buffers.ArrayBufferWriter<byte>()));
        Assert.Throws<ObjectDisposedException>(() => cache.Refresh("key"));
        Assert.Throws<ObjectDisposedException>(() => cache.Remove("key"));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => cache.GetAsync("key"));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => cache.SetAsync("key", [1], new DistributedCacheEntryOptions()));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await cache.SetAsync("key", new([1]), new()));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await cache.TryGetAsync("key", new System.Buffers.ArrayBufferWriter<byte>()));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => cache.RefreshAsync("key"));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => cache.RemoveAsync("key"));
    }

    /// <summary>A cache with its own connection in an application in production.</summary>
    private sealed class ProductionCache : IAsyncDisposable
    {
        private readonly ServiceProvider _provider;

        internal ProductionCache(RecordedLogs logs, string connectionString, Action<HoldfastCacheOptions>? configure = null)
        {
            var services = new ServiceCollection();
            services.AddLogging(logging => logging.AddProvider(logs));
            services.AddSingleton<IHostEnvironment>(new ProductionEnvironment());
            services.AddHoldfastDistributedCache(options =>
            {
                options.ConnectionString = connectionString;
                configure?.Invoke(options);
            });
            _provider = services.BuildServiceProvider();
        }

        internal void Use()
        {
            var cache = _provider.GetRequiredService<IDistributedCache>();
            cache.Set("key", [1], new());
            Assert.Equal([1], cache.Get("key"));
        }

        public ValueTask DisposeAsync() => _provider.DisposeAsync();
    }
}
