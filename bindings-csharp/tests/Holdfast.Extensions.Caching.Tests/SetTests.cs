using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class SetTests : CacheTest
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public void Set_replaces_the_value_and_all_expiry_settings()
    {
        Test.Cache.Set("forever", [1], new() { AbsoluteExpirationRelativeToNow = Second, SlidingExpiration = Second });
        Test.Cache.Set("forever", [2, 2], new());
        Test.Cache.Set("sliding", [1], new() { AbsoluteExpirationRelativeToNow = Second });
        Test.Cache.Set("sliding", [2, 2], new() { SlidingExpiration = Minute });
        Test.Cache.Set("absolute", [1], new() { SlidingExpiration = Minute });
        Test.Cache.Set("absolute", [2, 2], new() { AbsoluteExpirationRelativeToNow = Minute });

        Test.Advance(Minute - Second);
        Assert.Equal([2, 2], Test.Cache.Get("forever"));
        Assert.Equal([2, 2], Test.Cache.Get("sliding"));
        Assert.Equal([2, 2], Test.Cache.Get("absolute"));

        Test.Advance(Second);
        Assert.Equal([2, 2], Test.Cache.Get("sliding"));
        Assert.Null(Test.Cache.Get("absolute"));

        Test.Advance(TimeSpan.FromDays(3650));
        Assert.Equal([2, 2], Test.Cache.Get("forever"));
    }

    [Fact]
    public void Arrays_that_go_in_and_come_out_belong_to_the_caller()
    {
        byte[] given = [1, 2, 3];
        Test.Cache.Set("key", given, new());
        given[0] = 9;
        var first = Test.Cache.Get("key")!;
        first[1] = 9;

        Assert.Equal([1, 2, 3], Test.Cache.Get("key"));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    public async Task An_absolute_expiration_that_is_not_in_the_future_is_refused_also_beside_a_relative_one(int seconds)
    {
        var moment = Test.Now.AddSeconds(seconds);
        DistributedCacheEntryOptions[] refused =
        [
            new() { AbsoluteExpiration = moment },
            new() { AbsoluteExpiration = moment, AbsoluteExpirationRelativeToNow = Minute },
            new() { AbsoluteExpiration = moment, SlidingExpiration = Minute },
        ];

        foreach (var options in refused)
        {
            var thrown = Assert.Throws<ArgumentOutOfRangeException>(() => Test.Cache.Set("key", [1], options));
            Assert.Equal("AbsoluteExpiration", thrown.ParamName);
            Assert.Equal(moment, thrown.ActualValue);
            Assert.StartsWith("The absolute expiration value must be in the future.", thrown.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Test.Cache.SetAsync("key", [1], options));
            Assert.Throws<ArgumentOutOfRangeException>(() => Test.Buffers.Set("key", new([1]), options));
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Test.Buffers.SetAsync("key", new([1]), options));
        }

        Assert.Null(Test.Cache.Get("key"));
    }

    [Fact]
    public void A_relative_expiration_beats_an_absolute_one()
    {
        Test.Cache.Set("short", [1], new() { AbsoluteExpirationRelativeToNow = Second, AbsoluteExpiration = Test.Now + Minute });
        Test.Cache.Set("long", [1], new() { AbsoluteExpirationRelativeToNow = Minute, AbsoluteExpiration = Test.Now + Second });

        Test.Advance(Second);
        Assert.Null(Test.Cache.Get("short"));
        Assert.Equal([1], Test.Cache.Get("long"));
        Test.Advance(Minute - Second);
        Assert.Null(Test.Cache.Get("long"));
    }

    [Fact]
    public async Task A_set_has_one_creation_time()
    {
        var clock = new CountingClock();
        var rules = new EntryRules(new HoldfastCacheOptions());
        rules.ExpiryOf("key", new() { AbsoluteExpiration = clock.Moment + Second, SlidingExpiration = Second }, clock, out _);
        Assert.Equal(1, clock.Reads);
        await Task.CompletedTask;
    }

    [Fact]
    public void Milliseconds_are_honoured()
    {
        var life = TimeSpan.FromMilliseconds(1_500);
        Test.Cache.Set("relative", [1], new() { AbsoluteExpirationRelativeToNow = life });
        Test.Cache.Set("absolute", [1], new() { AbsoluteExpiration = Test.Now + life });
        Test.Cache.Set("sliding", [1], new() { SlidingExpiration = life });

        Test.Advance(TimeSpan.FromMilliseconds(1_499));
        Assert.NotNull(Test.Cache.Get("relative"));
        Assert.NotNull(Test.Cache.Get("absolute"));
        Assert.NotNull(Test.Cache.Get("sliding"));

        Test.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(Test.Cache.Get("relative"));
        Assert.Null(Test.Cache.Get("absolute"));
        Assert.NotNull(Test.Cache.Get("sliding"));
    }

    [Fact]
    public void Fractions_of_a_millisecond_round_up()
    {
        Test.Cache.Set("relative", [1], new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromTicks(1) });
        Test.Cache.Set("absolute", [1], new() { AbsoluteExpiration = Test.Now.AddTicks(10_001) });
        Test.Cache.Set("sliding", [1], new() { SlidingExpiration = TimeSpan.FromTicks(1) });
        Assert.NotNull(Test.Cache.Get("relative"));
        Assert.NotNull(Test.Cache.Get("sliding"));

        Test.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(Test.Cache.Get("relative"));
        Assert.NotNull(Test.Cache.Get("absolute"));
        Assert.Null(Test.Cache.Get("sliding"));

        Test.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(Test.Cache.Get("absolute"));
    }

    [Fact]
    public void Deadlines_beyond_100_years_are_none()
    {
        Test.Cache.Set("absolute", [1], new() { AbsoluteExpiration = DateTimeOffset.MaxValue });
        Test.Cache.Set("relative", [1], new() { AbsoluteExpirationRelativeToNow = TimeSpan.MaxValue });
        Test.Cache.Set("sliding", [1], new() { SlidingExpiration = TimeSpan.MaxValue });
        Test.Cache.Set("capped", [1], new() { SlidingExpiration = TimeSpan.MaxValue, AbsoluteExpirationRelativeToNow = Minute });
        Test.Cache.Set("slides", [1], new() { SlidingExpiration = Minute, AbsoluteExpiration = DateTimeOffset.MaxValue });

        Test.Advance(Minute);
        Assert.Null(Test.Cache.Get("capped"));
        Assert.Null(Test.Cache.Get("slides"));
        Test.Advance(TimeSpan.FromDays(200 * 365));
        Assert.NotNull(Test.Cache.Get("absolute"));
        Assert.NotNull(Test.Cache.Get("relative"));
        Assert.NotNull(Test.Cache.Get("sliding"));
    }

    [Fact]
    public void A_deadline_of_exactly_100_years_holds()
    {
        var century = TimeSpan.FromDays(36_525);
        Test.Cache.Set("key", [1], new() { AbsoluteExpirationRelativeToNow = century });

        Test.Advance(century - TimeSpan.FromMilliseconds(1));
        Assert.NotNull(Test.Cache.Get("key"));
        Test.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(Test.Cache.Get("key"));
    }

    [Fact]
    public void An_absolute_moment_that_has_passed_by_the_applications_clock_is_a_miss()
    {
        Test.Cache.Set("key", [1], new() { AbsoluteExpiration = Test.Now + Minute });

        // The wall clock was set forward; the node's clock did not see that time pass.
        Test.Time.Advance(Minute);
        Assert.Null(Test.Cache.Get("key"));
    }

    [Fact]
    public void A_value_above_the_stores_limit_is_refused_and_the_former_one_stays()
    {
        Test.Cache.Set("key", [1], new());

        var thrown = Assert.Throws<HoldfastException>(() => Test.Cache.Set("key", new byte[(16 << 20) + 1], new()));
        Assert.Equal(HoldfastErrorCode.ValueTooLarge, thrown.Code);
        Assert.Equal([1], Test.Cache.Get("key"));
    }

    private sealed class CountingClock : TimeProvider
    {
        internal DateTimeOffset Moment { get; } = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

        internal int Reads { get; private set; }

        public override DateTimeOffset GetUtcNow()
        {
            Reads++;
            return Moment;
        }
    }
}
