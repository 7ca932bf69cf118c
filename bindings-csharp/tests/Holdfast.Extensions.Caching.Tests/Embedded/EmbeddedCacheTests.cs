using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Holdfast.Extensions.Caching.Tests.Embedded;

/// <summary>What holds only where the node is in the process.</summary>
public sealed class EmbeddedCacheTests
{
    [Fact]
    public async Task An_application_whose_cache_cannot_connect_starts_and_is_told_at_each_use()
    {
        // A node that runs with another clock takes no client of this cache.
        await using var other = await HoldfastClient.ConnectAsync("holdfast://embedded/cache?node=unreachable&clock=manual");
        var services = new ServiceCollection();
        services.AddHoldfastDistributedCache(
            static options => options.ConnectionString = "holdfast://embedded/cache?node=unreachable&clock=system");
        using var provider = services.BuildServiceProvider();

        provider.GetRequiredService<IStartupValidator>().Validate();
        var cache = provider.GetRequiredService<IDistributedCache>();
        Assert.Throws<HoldfastException>(() => cache.Get("key"));
        Assert.Throws<HoldfastException>(() => cache.Get("key"));
    }

    [Theory]
    [InlineData("Production", 1)]
    [InlineData("Development", 0)]
    [InlineData(null, 0)]
    public void A_cache_in_the_process_without_anyone_saying_so_is_one_warning_in_production(string? environment, int warnings)
    {
        var logs = new RecordedLogs();
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(logs));
        if (environment is not null)
        {
            services.AddSingleton<IHostEnvironment>(new ProductionEnvironment { EnvironmentName = environment });
        }

        services.AddHoldfastDistributedCache(static options => options.InstanceName = Guid.NewGuid().ToString());
        using var provider = services.BuildServiceProvider();
        var cache = provider.GetRequiredService<IDistributedCache>();
        cache.Set("key", [1], new());
        Assert.Equal([1], cache.Get("key"));
        Assert.Same(cache, provider.GetRequiredService<IBufferDistributedCache>());

        Assert.Equal(warnings, logs.Warnings.Count);
        Assert.All(logs.Warnings, static log => Assert.Contains("holdfast://embedded/cache", log.Message, StringComparison.Ordinal));
    }
}
