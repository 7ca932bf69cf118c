using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Holdfast.Extensions.Caching.Tests;

/// <summary>
/// A cache as an application gets it, on a node of its own whose clock the test moves; the application's own clock
/// stands still too, and moves along.
/// </summary>
internal sealed class CacheUnderTest : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly HoldfastClient _node;

    internal CacheUnderTest(Action<HoldfastCacheOptions>? configure = null, string settings = "")
    {
        ConnectionString = TestNode.ConnectionString("cache", settings);
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(Time);
        services.AddHoldfastDistributedCache(options =>
        {
            options.ConnectionString = ConnectionString;
            configure?.Invoke(options);
        });
        _services = services.BuildServiceProvider();
        Cache = _services.GetRequiredService<IDistributedCache>();
        Buffers = Assert.IsAssignableFrom<IBufferDistributedCache>(Cache);
        _node = TestNode.Beside(ConnectionString);
    }

    internal string ConnectionString { get; }

    internal FakeTimeProvider Time { get; } = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

    internal IDistributedCache Cache { get; }

    internal IBufferDistributedCache Buffers { get; }

    internal DateTimeOffset Now => Time.GetUtcNow();

    /// <summary>Time passes, for the node and for the application.</summary>
    internal void Advance(TimeSpan time)
    {
        Time.Advance(time);
        _node.AdvanceClock(time);
    }

    /// <summary>A client of the same store, without the cache's prefix.</summary>
    internal HoldfastClient Client() => HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = ConnectionString });

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _node.DisposeAsync();
    }
}
