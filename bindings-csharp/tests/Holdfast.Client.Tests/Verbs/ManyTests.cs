namespace Holdfast.Tests.Verbs;

public class ManyTests
{
    [Fact]
    public async Task get_many_answers_in_the_order_of_its_keys_with_misses_and_repeats()
    {
        foreach (string settings in (string[])["", "&class=cache"])
        {
            await using HoldfastClient client = await TestNode.ConnectAsync(settings);
            client.Put("a", "1");
            client.Put("b", "2");
            IReadOnlyList<Lookup<string>> found = client.GetMany<string>(["b", "missing", "a", "b"]);
            Assert.Equal(["2", null, "1", "2"], found.Select(lookup => lookup.GetValueOrDefault()));
            Assert.Equal(found.Count, (await client.GetManyAsync<string>(["b", "missing", "a", "b"])).Count);
            Assert.Empty(client.GetMany<string>(Array.Empty<string>()));
        }
    }

    [Fact]
    public async Task thousands_of_keys_and_values_of_many_sizes_go_in_one_call()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync("&class=cache");
        KeyValuePair<HoldfastKey, byte[]>[] entries =
            [.. Enumerable.Range(0, 5_000).Select(index => KeyValuePair.Create((HoldfastKey)$"key:{index}", new byte[index]))];
        IReadOnlyList<BatchResult> put = await client.PutManyAsync(entries);
        Assert.All(put, result => Assert.True(result.Applied));
        IReadOnlyList<Lookup<byte[]>> got = client.GetMany<byte[]>(entries.Select(entry => entry.Key));
        Assert.All(got.Index(), item => Assert.Equal(item.Index, item.Item.Value.Length));
        Assert.All(client.DeleteMany(entries.Select(entry => entry.Key)), result => Assert.True(result.Applied));
        Assert.Equal(0, client.Count());
    }

    [Fact]
    public async Task collections_of_text_keys_are_taken_as_they_are()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.PutMany(new Dictionary<string, int> { ["a"] = 1, ["b"] = 2 });
        await client.PutManyAsync(new Dictionary<string, int> { ["c"] = 3 });
        List<string> keys = ["c", "a", "b"];
        Assert.Equal([3, 1, 2], client.GetMany<int>(keys).Select(lookup => lookup.Value));
        Assert.Equal([3, 1, 2], (await client.GetManyAsync<int>(keys)).Select(lookup => lookup.Value));
        Assert.All(client.DeleteMany(keys), result => Assert.True(result.Applied));
        Assert.All(await client.DeleteManyAsync(keys), result => Assert.False(result.Applied));
        Assert.Equal("keys", Assert.Throws<ArgumentNullException>(() => client.GetMany<int>((List<string>)null!)).ParamName);
    }

    [Fact]
    public async Task put_many_reports_each_item_and_one_that_fails_does_not_stop_the_others()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync("&max-memory=1MiB&max-value=1KiB");
        IReadOnlyList<BatchResult> results = client.PutMany<byte[]>(
        [
            new("small", new byte[10]),
            new("large", new byte[2_000]),
            new("last", new byte[20]),
        ]);
        Assert.True(results[0].Applied);
        Assert.Equal(HoldfastErrorCode.ValueTooLarge, Assert.IsType<HoldfastException>(results[1].Error).Code);
        Assert.Throws<HoldfastException>(results[1].ThrowIfFailed);
        Assert.True(results[2].Applied);
        Assert.Equal(2, client.Count());
    }

    [Fact]
    public async Task put_many_applies_its_options_to_every_entry()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.PutMany<int>([new("a", 1), new("b", 2)], new PutOptions { Ttl = TimeSpan.FromSeconds(1) });
        client.AdvanceClock(TimeSpan.FromSeconds(1));
        Assert.Equal(0, client.Count());
    }

    [Fact]
    public async Task a_batch_of_mixed_operations_reports_each_in_order()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        long version = client.Put("old", "value");
        HoldfastBatch batch = client.Batch()
            .Put("new", "one")
            .Get("new")
            .Exists("missing")
            .Create("old", "not")
            .Replace("old", "changed", version)
            .Replace("old", "not", version)
            .Increment("counter", 5, new IncrementOptions { Initial = 10 })
            .Increment("new")
            .Delete("missing")
            .Delete("old", version)
            .Expire("new", new ExpiryOptions { Ttl = TimeSpan.FromSeconds(1) })
            .Persist("new")
            .Touch("new")
            .Delete("new");
        Assert.Equal(14, batch.Count);
        IReadOnlyList<BatchResult> results = await batch.SendAsync();

        Assert.Equal(
            [true, false, false, false, true, false, true, false, false, false, true, true, true, true],
            results.Select(result => result.Applied));
        Assert.Equal("one", results[1].Get<string>().Value);
        Assert.Equal(results[0].Version, results[1].Version);
        Assert.False(results[2].Found);
        Assert.True(results[3].Found);
        Assert.Equal((15, 10), (results[6].Number, results[6].PreviousNumber));
        Assert.Equal(HoldfastErrorCode.NotANumber, Assert.IsType<HoldfastException>(results[7].Error).Code);
        Assert.True(results[12].Found);
        Assert.Equal("changed", client.Get<string>("old"));
        Assert.Equal(BatchOperation.Increment, results[6].Operation);
        Assert.Equal<HoldfastKey>("counter", results[6].Key);
        Assert.Throws<InvalidOperationException>(() => results[0].Get<string>());
    }

    [Fact]
    public async Task a_batch_is_sent_once_and_an_empty_one_gives_nothing()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        Assert.Empty(client.Batch().Send());
        HoldfastBatch batch = client.Batch().Put("k", 1);
        batch.Send();
        Assert.Throws<InvalidOperationException>(() => batch.Send());
        Assert.Throws<InvalidOperationException>(() => batch.Get("k"));
    }

    [Fact]
    public async Task a_mistake_in_an_item_is_found_when_it_is_added_and_leaves_the_batch_as_it_was()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        HoldfastBatch batch = client.Batch().Put("k", 1);
        Assert.Throws<ArgumentNullException>(() => batch.Put<string>("k", null!));
        Assert.Throws<ArgumentException>(() => batch.Get(""));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.Put("k", 2, new PutOptions { Ttl = TimeSpan.Zero }));
        Assert.Throws<ArgumentException>(() => batch.Increment("k", 1, new IncrementOptions { Minimum = 1, Maximum = 0 }));
        Assert.Single(batch.Send());
        Assert.Equal(1, client.Get<int>("k"));
    }

    [Fact]
    public async Task a_batch_over_the_limit_is_a_typed_error_and_changes_nothing()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        byte[] half = new byte[9 * 1024 * 1024];
        HoldfastException error = Assert.Throws<HoldfastException>(() => client.PutMany<byte[]>([new("a", half), new("b", half)]));
        Assert.Equal(HoldfastErrorCode.BatchTooLarge, error.Code);
        Assert.Equal(0, client.Count());
    }
}
