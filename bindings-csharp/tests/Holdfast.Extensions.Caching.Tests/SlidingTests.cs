using System.Buffers;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class SlidingTests : CacheTest
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    public static TheoryData<string> Accesses => ["Get", "GetAsync", "TryGet", "TryGetAsync", "Refresh", "RefreshAsync"];

    [Theory]
    [MemberData(nameof(Accesses))]
    public async Task An_entry_used_before_its_deadline_lives_another_window(string access)
    {
        Test.Cache.Set("key", [1], new() { SlidingExpiration = Window });

        for (var round = 0; round < 5; round++)
        {
            Test.Advance(Window - Tick);
            await Access(access);
        }

        Assert.NotNull(Test.Cache.Get("key"));
        Test.Advance(Window);
        Assert.Null(Test.Cache.Get("key"));
    }

    [Theory]
    [MemberData(nameof(Accesses))]
    public async Task Use_never_slides_an_entry_past_its_absolute_deadline(string access)
    {
        Test.Cache.Set("key", [1], new() { SlidingExpiration = Window, AbsoluteExpirationRelativeToNow = Window * 2 });

        Test.Advance(Window - Tick);
        await Access(access);
        Test.Advance(Window - Tick);
        await Access(access);
        Test.Advance(Tick);
        Assert.NotNull(Test.Cache.Get("key"));
        Test.Advance(Tick);
        Assert.Null(Test.Cache.Get("key"));
    }

    [Fact]
    public void An_entry_that_is_not_used_is_gone_at_its_deadline()
    {
        Test.Cache.Set("key", [1], new() { SlidingExpiration = Window });

        Test.Advance(Window);
        Assert.Null(Test.Cache.Get("key"));
    }

    [Theory]
    [MemberData(nameof(Accesses))]
    public async Task Use_at_the_deadline_does_not_bring_an_entry_back(string access)
    {
        Test.Cache.Set("key", [1], new() { SlidingExpiration = Window });
        Test.Advance(Window);
        await Access(access);

        Assert.Null(Test.Cache.Get("key"));
    }

    [Theory]
    [MemberData(nameof(Accesses))]
    public async Task Use_does_not_extend_an_entry_without_a_sliding_window(string access)
    {
        Test.Cache.Set("key", [1], new() { AbsoluteExpirationRelativeToNow = Window });
        Test.Advance(Window - Tick);
        await Access(access);

        Test.Advance(Tick);
        Assert.Null(Test.Cache.Get("key"));
    }

    [Fact]
    public void A_window_longer_than_the_absolute_deadline_ends_there()
    {
        Test.Cache.Set("key", [1], new() { SlidingExpiration = Window * 2, AbsoluteExpiration = Test.Now + Window });

        Test.Advance(Window - Tick);
        Assert.NotNull(Test.Cache.Get("key"));
        Test.Advance(Tick);
        Assert.Null(Test.Cache.Get("key"));
    }

    [Fact]
    public async Task Refresh_and_remove_of_a_missing_key_do_nothing()
    {
        Test.Cache.Refresh("missing");
        await Test.Cache.RefreshAsync("missing");
        Test.Cache.Remove("missing");
        await Test.Cache.RemoveAsync("missing");

        Assert.Null(Test.Cache.Get("missing"));
    }

    [Fact]
    public async Task Refresh_of_an_entry_that_never_expires_does_nothing()
    {
        Test.Cache.Set("key", [1], new());
        Test.Cache.Refresh("key");
        await Test.Cache.RefreshAsync("key");

        Test.Advance(TimeSpan.FromDays(1000));
        Assert.Equal([1], Test.Cache.Get("key"));
    }

    [Fact]
    public async Task A_removed_entry_is_gone()
    {
        Test.Cache.Set("one", [1], new());
        Test.Cache.Set("two", [1], new() { SlidingExpiration = Window });
        Test.Cache.Remove("one");
        await Test.Cache.RemoveAsync("two");

        Assert.Null(Test.Cache.Get("one"));
        Assert.Null(Test.Cache.Get("two"));
    }

    private async Task Access(string method)
    {
        switch (method)
        {
            case "Get": Test.Cache.Get("key"); break;
            case "GetAsync": await Test.Cache.GetAsync("key"); break;
            case "TryGet": Test.Buffers.TryGet("key", new ArrayBufferWriter<byte>()); break;
            case "TryGetAsync": await Test.Buffers.TryGetAsync("key", new ArrayBufferWriter<byte>()); break;
            case "Refresh": Test.Cache.Refresh("key"); break;
            case "RefreshAsync": await Test.Cache.RefreshAsync("key"); break;
            default: throw new ArgumentException(method, nameof(method));
        }
    }
}
