using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class DistributedCacheExtensionsTests
{
    [Fact]
    public async Task The_extension_methods_of_IDistributedCache_work_unchanged()
    {
        await using var test = new CacheUnderTest();
        var cache = test.Cache;
        var minute = new DistributedCacheEntryOptions().SetAbsoluteExpiration(TimeSpan.FromMinutes(1));

        cache.Set("bytes", [1, 2]);
        await cache.SetAsync("bytes async", [3, 4]);
        cache.SetString("text", "straße 🔑");
        await cache.SetStringAsync("text async", "");
        cache.SetString("minute", "text", minute);
        await cache.SetStringAsync("minute async", "text", minute);

        Assert.Equal([1, 2], cache.Get("bytes"));
        Assert.Equal([3, 4], await cache.GetAsync("bytes async"));
        Assert.Equal("straße 🔑", await cache.GetStringAsync("text"));
        Assert.Equal("", cache.GetString("text async"));
        Assert.Null(cache.GetString("missing"));
        Assert.Null(await cache.GetStringAsync("missing"));

        test.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(cache.GetString("minute"));
        Assert.Null(await cache.GetStringAsync("minute async"));
        Assert.NotNull(cache.GetString("text"));
    }

    [Fact]
    public async Task Text_that_the_cache_holds_is_text_for_the_client_too()
    {
        await using var test = new CacheUnderTest();
        await using var client = test.Client();
        await test.Cache.SetStringAsync("key", "straße");

        Assert.Equal("straße", await client.GetAsync<string>("key"));
    }
}
