using System.Diagnostics;

namespace Holdfast.Tests.Verbs;

public class ReadConsistencyTests
{
    private static readonly TimeSpan Age = TimeSpan.FromMilliseconds(50);

    [Theory]
    [InlineData("")]
    [InlineData("&class=cache")]
    public async Task a_linearizable_read_shows_every_acknowledged_change(string settings)
    {
        await using HoldfastClient client = await TestNode.ConnectAsync($"{settings}&read-consistency=local");
        var options = new RequestOptions { ReadConsistency = ReadConsistency.Linearizable };
        for (int index = 0; index < 50; index++)
        {
            await client.PutAsync("k", index);
            Assert.Equal(index, await client.GetAsync<int>("k", options));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("&class=cache")]
    public async Task a_bounded_read_shows_what_was_acknowledged_so_long_ago(string settings)
    {
        await using HoldfastClient client = await TestNode.ConnectAsync(settings);
        var options = new RequestOptions { ReadConsistency = ReadConsistency.Bounded(Age) };
        for (int index = 0; index < 10; index++)
        {
            await client.PutAsync("k", index);
            var since = Stopwatch.StartNew();
            await Eventually.IsTrueAsync(() => since.Elapsed > Age, "time passes");
            Assert.Equal(index, await client.GetAsync<int>("k", options));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("&class=cache")]
    public async Task every_verb_that_reads_takes_every_consistency(string settings)
    {
        await using HoldfastClient client = await TestNode.ConnectAsync(settings);
        await client.PutAsync("a", 1);
        await client.PutAsync("b", 2);
        foreach (ReadConsistency consistency in (ReadConsistency[])[ReadConsistency.Linearizable, ReadConsistency.Bounded(Age), ReadConsistency.Local])
        {
            var options = new RequestOptions { ReadConsistency = consistency };
            await Eventually.IsTrueAsync(() => client.Get<int?>("b", options) == 2, $"{consistency}: get");
            await Eventually.IsTrueAsync(() => client.TryGet<int>("a", options).Found, $"{consistency}: try get");
            await Eventually.IsTrueAsync(() => client.Exists("a", options), $"{consistency}: exists");
            await Eventually.IsTrueAsync(
                () => client.GetMany<int>(["a", "b", "c"], options) is [{ Value: 1 }, { Value: 2 }, { Found: false }], $"{consistency}: get many");
            await Eventually.IsTrueAsync(() => client.Count(KeyRange.All, options) == 2, $"{consistency}: count");
            await Eventually.IsTrueAsync(
                () => client.ScanKeys(KeyRange.All, new ScanOptions { ReadConsistency = consistency }).Count() == 2, $"{consistency}: scan");
        }
    }

    [Fact]
    public async Task changes_and_batches_are_what_they_are_under_every_consistency()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync("&read-consistency=local");
        await client.PutAsync("k", 1, new PutOptions { ReadConsistency = ReadConsistency.Local });
        Assert.Equal(2, await client.IncrementAsync("k"));
        Assert.Equal(3, (await client.IncrementAsync("k", 1, new IncrementOptions { ReadConsistency = ReadConsistency.Bounded(Age) })).Value);
        Assert.Equal(3, (await client.Batch().Get("k").SendAsync())[0].Get<int>().Value);
    }

    [Fact]
    public void a_consistency_is_its_text_and_its_age_is_in_whole_milliseconds()
    {
        Assert.Equal("linearizable", default(ReadConsistency).ToString());
        Assert.Equal((default(ReadConsistency), null), (ReadConsistency.Linearizable, ReadConsistency.Linearizable.MaxStaleness));
        Assert.Equal("local", ReadConsistency.Local.ToString());
        ReadConsistency bounded = ReadConsistency.Bounded(TimeSpan.FromMicroseconds(1_500));
        Assert.Equal(("bounded:2ms", TimeSpan.FromMilliseconds(2)), (bounded.ToString(), bounded.MaxStaleness));
        Assert.True(bounded == ReadConsistency.Bounded(TimeSpan.FromMilliseconds(2)) && bounded != ReadConsistency.Local);
        Assert.Throws<ArgumentOutOfRangeException>(() => ReadConsistency.Bounded(TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => ReadConsistency.Bounded(TimeSpan.FromDays(50)));
    }

    [Fact]
    public async Task what_is_no_consistency_is_refused_with_what_is()
    {
        string text = TestNode.ConnectionString("&read-consistency=stale");
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(() => HoldfastClient.ConnectAsync(text));
        Assert.Equal(HoldfastErrorCode.InvalidSetting, error.Code);
        Assert.Contains("bounded:500ms", error.Message, StringComparison.Ordinal);
    }
}
