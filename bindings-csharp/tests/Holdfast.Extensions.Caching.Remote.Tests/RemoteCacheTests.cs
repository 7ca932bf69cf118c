using System.Diagnostics;
using Holdfast.Tests;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Holdfast.Extensions.Caching.Tests;

[Collection(nameof(AloneInTheProcess))]
public sealed class RemoteCacheTests
{
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_application_starts_without_its_node_is_told_in_time_and_works_as_soon_as_the_node_is_there(bool shared)
    {
        using var dead = ServeProcess.Start();
        dead.KillNow();
        using var host = Build(dead.Address, shared);
        await host.StartAsync();
        var cache = host.Services.GetRequiredService<IDistributedCache>();

        var waited = Stopwatch.StartNew();
        var get = Assert.Throws<HoldfastException>(() => cache.Get("key"));
        var set = await Assert.ThrowsAsync<HoldfastException>(() => cache.SetAsync("key", [1], new DistributedCacheEntryOptions()));
        Assert.InRange(waited.Elapsed, TimeSpan.Zero, Slack);
        Assert.Equal((HoldfastErrorCode.Unavailable, HoldfastErrorCode.Unavailable), (get.Code, set.Code));
        Assert.Equal(HoldfastOutcome.NotApplied, set.Outcome);
        Assert.Contains(dead.Address, get.Message, StringComparison.Ordinal);

        using var node = dead.Again();
        await Eventually.True(() => Record.Exception(() => cache.Set("key", [1], new())) is null);
        Assert.Equal([1], await cache.GetAsync("key"));
        await host.StopAsync();
    }

    [Fact]
    public async Task Instances_of_an_application_see_what_one_of_them_sets()
    {
        using var node = ServeProcess.Start();
        using var one = Build(node.Address, shared: true);
        using var other = Build(node.Address, shared: false);
        await one.Services.GetRequiredService<IDistributedCache>().SetStringAsync("product:1", "Laptop");
        Assert.Equal("Laptop", other.Services.GetRequiredService<IDistributedCache>().GetString("product:1"));
    }

    [Fact]
    public async Task The_health_of_a_caches_node_is_checked_over_its_own_connection()
    {
        var node = ServeProcess.Start("--node", "epsilon");
        try
        {
            var services = new ServiceCollection();
            services.AddLogging();
            services.AddHoldfastDistributedCache(options => options.ConnectionString = $"holdfast://{node.Address}/cache");
            services.AddKeyedHoldfastDistributedCache("pages", options => options.ConnectionString = $"holdfast://{node.Address}/pages");
            services.AddHealthChecks()
                .AddHoldfastDistributedCache(timeout: TimeSpan.FromSeconds(5))
                .AddHoldfastDistributedCache("pages", serviceKey: "pages", failureStatus: HealthStatus.Degraded, timeout: TimeSpan.FromSeconds(5));
            await using var provider = services.BuildServiceProvider();
            var checks = provider.GetRequiredService<HealthCheckService>();

            var healthy = await checks.CheckHealthAsync();
            Assert.Equal(HealthStatus.Healthy, healthy.Status);
            Assert.Equal("epsilon", healthy.Entries["holdfast-cache"].Data["node"]);
            node.KillNow();
            var gone = await checks.CheckHealthAsync();
            Assert.Equal(
                (HealthStatus.Unhealthy, HealthStatus.Degraded),
                (gone.Entries["holdfast-cache"].Status, gone.Entries["pages"].Status));
            node = node.Again();
            Assert.Equal(HealthStatus.Healthy, (await checks.CheckHealthAsync()).Status);
        }
        finally
        {
            node.Dispose();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_cache_whose_store_was_made_with_other_settings_is_unhealthy_though_its_node_answers(bool shared)
    {
        using var node = ServeProcess.Start();
        await using var maker = await HoldfastClient.ConnectAsync($"holdfast://{node.Address}/cache?timeout=30s&class=cache&max-memory=16MiB");
        var connectionString = $"holdfast://{node.Address}/other?timeout=30s";
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddHoldfast(options => options.ConnectionString = connectionString);
        services.AddHoldfastDistributedCache(options =>
        {
            options.ConnectionString = shared ? null : $"holdfast://{node.Address}/cache?timeout=30s";
            options.StoreName = shared ? "cache" : null;
            options.MaxMemory = "32MiB";
        });
        services.AddHealthChecks()
            .AddHoldfast(timeout: TimeSpan.FromSeconds(30))
            .AddHoldfastDistributedCache(timeout: TimeSpan.FromSeconds(30));
        await using var provider = services.BuildServiceProvider();

        var report = await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(HealthStatus.Healthy, report.Entries["holdfast"].Status);
        var cache = report.Entries["holdfast-cache"];
        Assert.Equal((HealthStatus.Unhealthy, "StoreConflict"), (cache.Status, cache.Data["code"]));
    }

    [Fact]
    public async Task A_get_into_a_buffer_allocates_next_to_nothing_and_a_set_too()
    {
        using var node = ServeProcess.Start();
        using var host = Build(node.Address, shared: false);
        var cache = host.Services.GetRequiredService<IBufferDistributedCache>();
        var value = new System.Buffers.ReadOnlySequence<byte>(new byte[100]);
        var options = new DistributedCacheEntryOptions();
        var writer = new System.Buffers.ArrayBufferWriter<byte>(4_096);
        await Eventually.True(() => Record.Exception(() => cache.Set("key", value, options)) is null);

        async Task Set(int calls)
        {
            for (var index = 0; index < calls; index++)
            {
                await cache.SetAsync("key", value, options);
            }
        }

        async Task Get(int calls)
        {
            for (var index = 0; index < calls; index++)
            {
                writer.ResetWrittenCount();
                Assert.True(await cache.TryGetAsync("key", writer));
            }
        }

        Assert.InRange(await PerCall(Set), 0, 20);
        Assert.InRange(await PerCall(Get), 0, 20);
    }

    private static async Task<double> PerCall(Func<int, Task> call)
    {
        const int Calls = 10_000;
        async Task<long> Allocated()
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            await call(Calls);
            return GC.GetTotalAllocatedBytes(precise: true) - before;
        }

        // On the thread pool: the test's own synchronization context allocates.
        await Task.Run(Allocated);
        return await Task.Run(Allocated) / (double)Calls;
    }

    private static IHost Build(string address, bool shared)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        var connectionString = $"holdfast://{address}/cache?timeout=500ms";
        if (shared)
        {
            builder.Services.AddHoldfast(options => options.ConnectionString = connectionString);
            builder.Services.AddHoldfastDistributedCache();
        }
        else
        {
            builder.Services.AddHoldfastDistributedCache(options => options.ConnectionString = connectionString);
        }

        return builder.Build();
    }
}
