namespace Holdfast.Tests.Verbs;

public class CounterTests
{
    [Fact]
    public async Task a_counter_is_made_of_zero_and_counts_both_ways()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        Assert.Equal(1, client.Increment("n"));
        Assert.Equal(11, await client.IncrementAsync("n", 10));
        Assert.Equal(10, client.Decrement("n"));
        Assert.Equal(-90, await client.DecrementAsync("n", 100));
        Assert.Equal("-90", client.Get<string>("n"));
        Assert.Equal(-90, client.Get<long>("n"));
    }

    [Fact]
    public async Task a_number_that_was_put_is_a_counter()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("n", 41);
        Assert.Equal(42, client.Increment("n"));
        client.Put("n", "7");
        Assert.Equal(8, client.Increment("n"));
    }

    [Fact]
    public async Task first_value_previous_value_and_version_are_told()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        CounterResult first = client.Increment("n", 5, new IncrementOptions { Initial = 100 });
        Assert.Equal((105, 100), (first.Value, first.Previous));
        CounterResult second = await client.DecrementAsync("n", 5, new IncrementOptions { Initial = 100 });
        Assert.Equal((100, 105), (second.Value, second.Previous));
        Assert.True(second.Version > first.Version);
        Assert.Equal(second.Version, client.TryGet<long>("n").Version);
    }

    [Fact]
    public async Task a_change_out_of_bounds_or_out_of_64_bits_is_refused_and_changes_nothing()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        var bounds = new IncrementOptions { Minimum = 0, Maximum = 3 };
        client.Increment("n", 3, bounds);
        long version = client.TryGet<long>("n").Version;
        HoldfastException over = Assert.Throws<HoldfastException>(() => client.Increment("n", 1, bounds));
        Assert.Equal(HoldfastErrorCode.CounterOutOfBounds, over.Code);
        Assert.Equal(HoldfastErrorCode.CounterOutOfBounds, Assert.Throws<HoldfastException>(() => client.Decrement("n", 4, bounds)).Code);
        Assert.Equal(HoldfastErrorCode.CounterOutOfBounds, Assert.Throws<HoldfastException>(() => client.Increment("n", long.MaxValue)).Code);
        Assert.Equal((3, version), (client.Get<long>("n"), client.TryGet<long>("n").Version));
        Assert.Throws<ArgumentException>(() => client.Increment("n", 1, new IncrementOptions { Minimum = 2, Maximum = 1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => client.Decrement("n", long.MinValue));
    }

    [Fact]
    public async Task a_value_that_is_no_number_is_refused_and_stays()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("k", "twelve");
        HoldfastException error = Assert.Throws<HoldfastException>(() => client.Increment("k"));
        Assert.Equal(HoldfastErrorCode.NotANumber, error.Code);
        Assert.Equal("twelve", client.Get<string>("k"));
    }

    [Fact]
    public async Task a_counters_expiry_is_set_when_it_is_made_and_again_only_when_asked()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        var window = new IncrementOptions { Ttl = TimeSpan.FromSeconds(10) };
        client.Increment("n", 1, window);
        client.AdvanceClock(TimeSpan.FromSeconds(9));
        Assert.Equal(2, client.Increment("n", 1, window).Value);
        client.AdvanceClock(TimeSpan.FromSeconds(1));
        Assert.Equal(1, client.Increment("n", 1, window).Value);
        client.AdvanceClock(TimeSpan.FromSeconds(9));
        client.Increment("n", 1, new IncrementOptions { Ttl = TimeSpan.FromSeconds(10), ResetExpiry = true });
        client.AdvanceClock(TimeSpan.FromSeconds(9));
        Assert.Equal(2, client.Get<int>("n"));
    }

    [Fact]
    public async Task increments_of_many_threads_are_all_counted()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync("&class=cache");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (int index = 0; index < 1_000; index++)
            {
                client.Increment("n");
            }
        })));
        Assert.Equal(8_000, client.Get<long>("n"));
    }
}
