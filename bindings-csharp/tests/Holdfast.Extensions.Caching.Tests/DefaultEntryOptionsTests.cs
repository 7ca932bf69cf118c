using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class DefaultEntryOptionsTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Entries_without_options_never_expire()
    {
        await using var test = new CacheUnderTest();
        test.Cache.Set("key", [1], new());
        await test.Cache.SetAsync("async", [1]);

        test.Advance(TimeSpan.FromDays(300 * 365));
        Assert.NotNull(test.Cache.Get("key"));
        Assert.NotNull(test.Cache.Get("async"));
    }

    [Fact]
    public async Task Entries_without_options_take_the_configured_ones()
    {
        await using var test = new CacheUnderTest(options =>
            options.DefaultEntryOptions = new() { SlidingExpiration = Minute, AbsoluteExpirationRelativeToNow = 2 * Minute });
        test.Cache.Set("used", [1], new());
        await test.Cache.SetStringAsync("unused", "text");

        test.Advance(Minute / 2);
        Assert.NotNull(test.Cache.Get("used"));
        test.Advance(Minute / 2);
        Assert.NotNull(test.Cache.Get("used"));
        Assert.Null(test.Cache.Get("unused"));
        test.Advance(Minute);
        Assert.Null(test.Cache.Get("used"));
    }

    [Fact]
    public async Task Entries_with_any_option_take_none_of_the_configured_ones()
    {
        await using var test = new CacheUnderTest(options => options.DefaultEntryOptions = new() { SlidingExpiration = Minute });
        test.Cache.Set("longer", [1], new() { AbsoluteExpirationRelativeToNow = 10 * Minute });
        test.Cache.Set("never", [1], new() { AbsoluteExpiration = DateTimeOffset.MaxValue });

        test.Advance(9 * Minute);
        Assert.NotNull(test.Cache.Get("longer"));
        test.Advance(Minute);
        Assert.Null(test.Cache.Get("longer"));
        Assert.NotNull(test.Cache.Get("never"));
    }

    [Fact]
    public async Task A_default_time_to_live_of_the_store_holds_only_where_nothing_else_is_said()
    {
        await using var test = new CacheUnderTest(options => options.DefaultTtl = Minute);
        test.Cache.Set("default", [1], new());
        test.Cache.Set("longer", [1], new() { SlidingExpiration = 10 * Minute });
        test.Cache.Set("marker of a tag", [1], new() { SlidingExpiration = 10 * Minute });
        test.Cache.Set("__MSFT_HCT__tag", [1], new());

        test.Advance(Minute);
        Assert.Null(test.Cache.Get("default"));
        Assert.NotNull(test.Cache.Get("longer"));
        Assert.NotNull(test.Cache.Get("__MSFT_HCT__tag"));
    }
}
