using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class CachePressureTests
{
    public static TheoryData<string> Markers => ["__MSFT_HCT__tag", "__MSFT_HCT__*", "__fc:t:tag", "v2:__fc:t:tag"];

    [Fact]
    public async Task A_full_cache_makes_room_and_stays_within_its_budget()
    {
        await using var test = new CacheUnderTest(options => options.MaxMemory = "1MiB");
        await using var client = test.Client();
        Fill(test);

        var stats = client.Stats();
        Assert.True(stats.Evictions > 0);
        Assert.InRange(stats.Bytes, 1, 1 << 20);
        Assert.NotNull(test.Cache.Get("filler:9999"));
    }

    [Theory]
    [MemberData(nameof(Markers))]
    public async Task Markers_of_invalidated_tags_outlive_any_pressure(string marker)
    {
        await using var test = new CacheUnderTest(options =>
        {
            options.MaxMemory = "1MiB";
            options.InstanceName = "shop:";
        });
        test.Cache.Set(marker, [1, 2, 3], new());
        test.Cache.Set("unpinned " + marker, [1, 2, 3], new());
        Fill(test);

        Assert.Equal([1, 2, 3], test.Cache.Get(marker));
        Assert.Null(test.Cache.Get("unpinned " + marker));
    }

    [Fact]
    public async Task Default_entry_options_do_not_expire_markers_of_invalidated_tags()
    {
        await using var test = new CacheUnderTest(options => options.DefaultEntryOptions = new() { SlidingExpiration = TimeSpan.FromMinutes(1) });
        test.Cache.Set("__MSFT_HCT__tag", [1], new());

        test.Advance(TimeSpan.FromDays(1));
        Assert.NotNull(test.Cache.Get("__MSFT_HCT__tag"));
    }

    [Fact]
    public async Task A_marker_with_a_deadline_of_its_own_keeps_it()
    {
        await using var test = new CacheUnderTest();
        test.Cache.Set("__MSFT_HCT__tag", [1], new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromDays(1_000) });

        test.Advance(TimeSpan.FromDays(1_000) - TimeSpan.FromMilliseconds(1));
        Assert.NotNull(test.Cache.Get("__MSFT_HCT__tag"));
        test.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(test.Cache.Get("__MSFT_HCT__tag"));
    }

    [Fact]
    public async Task The_application_says_which_keys_are_pinned()
    {
        await using var test = new CacheUnderTest(options =>
        {
            options.MaxMemory = "1MiB";
            options.PinnedKeyPrefixes = ["keep:"];
        });
        test.Cache.Set("keep:1", [1], new());
        test.Cache.Set("__fc:t:tag", [1], new());
        Fill(test);

        Assert.NotNull(test.Cache.Get("keep:1"));
        Assert.Null(test.Cache.Get("__fc:t:tag"));
    }

    private static void Fill(CacheUnderTest test)
    {
        var value = new byte[1_000];
        for (var index = 0; index < 10_000; index++)
        {
            test.Cache.Set($"filler:{index}", value, new());
        }
    }
}
