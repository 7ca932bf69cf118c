using Microsoft.Extensions.Time.Testing;

namespace Holdfast.Tests.Verbs;

public class ExpiryTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    [Fact]
    public async Task an_entry_with_a_ttl_is_there_until_its_deadline_and_gone_at_it()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("k", 1, new PutOptions { Ttl = Second });
        client.AdvanceClock(Second - Tick);
        Assert.True(client.Exists("k"));
        await client.AdvanceClockAsync(Tick);
        Assert.False(client.Exists("k"));
        Assert.Equal(0, client.Count());
    }

    [Fact]
    public async Task expire_and_persist_change_the_deadline_and_not_the_value()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("k", "v");
        Assert.True(client.Expire("k", Second));
        Assert.NotNull(client.TryGet<string>("k").ExpiresAt);
        Assert.True(await client.PersistAsync("k"));
        Assert.Null(client.TryGet<string>("k").ExpiresAt);
        client.AdvanceClock(2 * Second);
        Assert.Equal("v", client.Get<string>("k"));
        Assert.True(await client.ExpireAsync("k", new ExpiryOptions { SlidingTtl = Second }));
        client.AdvanceClock(Second);
        Assert.False(client.Exists("k"));
    }

    [Fact]
    public async Task a_put_replaces_all_expiry_settings()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("k", 1, new PutOptions { Ttl = Second });
        client.Put("k", 2);
        client.AdvanceClock(2 * Second);
        Assert.Equal(2, client.Get<int>("k"));
    }

    [Fact]
    public async Task expires_at_is_the_clients_time_plus_what_is_left()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using HoldfastClient client = await TestNode.ConnectAsync(options: new HoldfastClientOptions { TimeProvider = clock });
        client.Put("k", 1, new PutOptions { Ttl = 10 * Second });
        client.AdvanceClock(4 * Second);
        Assert.Equal(clock.GetUtcNow() + (6 * Second), client.TryGet<int>("k").ExpiresAt);
    }

    [Fact]
    public async Task an_entry_whose_absolute_expiration_has_passed_by_the_clients_clock_is_a_miss()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using HoldfastClient client = await TestNode.ConnectAsync(options: new HoldfastClientOptions { TimeProvider = clock });
        client.Put("k", 1, new PutOptions { AbsoluteExpiration = clock.GetUtcNow() + Second });
        clock.Advance(Second - Tick);
        Assert.Equal(1, client.Get<int>("k"));
        clock.Advance(Tick);
        Assert.Null(client.Get<int?>("k"));
        Assert.False(client.TryGet<int>("k").Found);
        Assert.False(client.GetMany<int>(["k"])[0].Found);
        Assert.Null(client.GetRaw("k"));
    }

    [Fact]
    public async Task an_absolute_expiration_ends_the_entry_on_the_nodes_clock_too()
    {
        var clock = new FakeTimeProvider();
        await using HoldfastClient client = await TestNode.ConnectAsync(options: new HoldfastClientOptions { TimeProvider = clock });
        client.Put("k", 1, new PutOptions { AbsoluteExpiration = clock.GetUtcNow() + Second });
        client.AdvanceClock(Second);
        Assert.False(client.Exists("k"));
    }

    [Fact]
    public async Task a_stores_default_ttl_holds_for_entries_without_any()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync("&default-ttl=1s");
        client.Put("default", 1);
        client.Put("own", 1, new PutOptions { Ttl = 3 * Second });
        client.Put("persisted", 1);
        client.Persist("persisted");
        client.AdvanceClock(Second);
        Assert.False(client.Exists("default"));
        Assert.True(client.Exists("own"));
        Assert.True(client.Exists("persisted"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public async Task a_time_to_live_that_is_not_positive_is_refused_by_name(int seconds)
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        TimeSpan ttl = TimeSpan.FromSeconds(seconds);
        Assert.Equal("Ttl", Assert.Throws<ArgumentOutOfRangeException>(() => client.Put("k", 1, new PutOptions { Ttl = ttl })).ParamName);
        Assert.Equal("SlidingTtl", Assert.Throws<ArgumentOutOfRangeException>(() => client.Put("k", 1, new PutOptions { SlidingTtl = ttl })).ParamName);
        Assert.Equal("ttl", Assert.Throws<ArgumentOutOfRangeException>(() => client.Expire("k", ttl)).ParamName);
        Assert.Equal("Ttl", Assert.Throws<ArgumentOutOfRangeException>(() => client.Increment("k", 1, new IncrementOptions { Ttl = ttl })).ParamName);
        Assert.Equal(0, client.Count());
    }

    [Fact]
    public async Task a_time_to_live_is_at_most_100_years()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        TimeSpan longest = TimeSpan.FromMilliseconds(100 * 31_557_600_000L);
        client.Put("k", 1, new PutOptions { Ttl = longest });
        Assert.Equal("Ttl", Assert.Throws<ArgumentOutOfRangeException>(() => client.Put("k", 1, new PutOptions { Ttl = longest + Tick })).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => client.Put("k", 1, new PutOptions { Ttl = TimeSpan.MaxValue }));
    }

    [Fact]
    public async Task an_absolute_expiration_in_the_past_is_refused_by_name()
    {
        var clock = new FakeTimeProvider();
        await using HoldfastClient client = await TestNode.ConnectAsync(options: new HoldfastClientOptions { TimeProvider = clock });
        var error = Assert.Throws<ArgumentOutOfRangeException>(
            () => client.Put("k", 1, new PutOptions { AbsoluteExpiration = clock.GetUtcNow() }));
        Assert.Equal("AbsoluteExpiration", error.ParamName);
        Assert.Throws<ArgumentException>(
            () => client.Put("k", 1, new PutOptions { AbsoluteExpiration = clock.GetUtcNow() + Second, Ttl = Second }));
        Assert.Equal(0, client.Count());
    }

    [Fact]
    public async Task a_fraction_of_a_millisecond_rounds_up()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("k", 1, new PutOptions { Ttl = TimeSpan.FromTicks(1) });
        Assert.True(client.Exists("k"));
        client.AdvanceClock(Tick);
        Assert.False(client.Exists("k"));
    }
}
