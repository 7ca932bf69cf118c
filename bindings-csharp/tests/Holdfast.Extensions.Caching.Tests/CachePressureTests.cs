using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class CachePressureTests
{
    private const int Many = 200;

    public static TheoryData<string> Markers => ["__MSFT_HCT__tag", "__MSFT_HCT__*", "__fc:t:tag", "v2:__fc:t:tag"];

    [Fact]
    public async Task A_full_cache_makes_room_and_stays_within_its_budget()
    {
        await using var test = new CacheUnderTest(options => options.MaxMemory = "1MiB");
        await using var client = test.Client();
        await Fill(test);

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
        SetMany(test, marker);
        SetMany(test, "unpinned " + marker);
        await Fill(test);

        Assert.Equal(Many, Survivors(test, marker));
        Assert.NotEqual(Many, Survivors(test, "unpinned " + marker));
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
        SetMany(test, "keep:");
        SetMany(test, "__fc:t:");
        await Fill(test);

        Assert.Equal(Many, Survivors(test, "keep:"));
        Assert.NotEqual(Many, Survivors(test, "__fc:t:"));
    }

    private static void SetMany(CacheUnderTest test, string prefix)
    {
        for (var index = 0; index < Many; index++)
        {
            test.Cache.Set(prefix + index, new byte[1_000], new());
        }
    }

    private static int Survivors(CacheUnderTest test, string prefix) =>
        Enumerable.Range(0, Many).Count(index => test.Cache.Get(prefix + index) is not null);

    private static async Task Fill(CacheUnderTest test)
    {
        var value = new byte[1_000];
        foreach (var keys in Enumerable.Range(0, 10_000).Chunk(100))
        {
            await Task.WhenAll(keys.Select(key => test.Cache.SetAsync($"filler:{key}", value, new())));
        }
    }
}
