namespace Holdfast.Tests.Verbs;

public class PutAndGetTests
{
    [Fact]
    public async Task the_readmes_program_works()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        await client.PutAsync("product:1", "Laptop");
        string? value = await client.GetAsync<string>("product:1");
        Assert.Equal("Laptop", value);
    }

    [Fact]
    public async Task every_change_gives_the_entrys_new_and_larger_version()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        long first = client.Put("k", "one");
        long second = await client.PutAsync("k", "two");
        Assert.True(second > first);
        Lookup<string> found = client.TryGet<string>("k");
        Assert.Equal((true, "two", second), (found.Found, found.Value, found.Version));
        Assert.Null(found.ExpiresAt);
    }

    [Fact]
    public async Task a_miss_is_a_default_or_a_lookup_that_found_nothing()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        Assert.Null(client.Get<string>("missing"));
        Lookup<string> lookup = await client.TryGetAsync<string>("missing");
        Assert.False(lookup.Found);
        Assert.False(lookup.TryGetValue(out _));
        Assert.Equal("other", lookup.GetValueOrDefault("other"));
        Assert.Throws<InvalidOperationException>(() => lookup.Value);
        Assert.False(client.Exists("missing"));
    }

    [Fact]
    public async Task create_writes_only_where_nothing_is()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        long version = client.Create("k", "first");
        HoldfastException error = Assert.Throws<HoldfastException>(() => client.Create("k", "second"));
        Assert.Equal(HoldfastErrorCode.AlreadyExists, error.Code);
        Assert.Equal(version, error.CurrentVersion);
        Assert.Contains("\"k\"", error.Message, StringComparison.Ordinal);
        Assert.Null(await client.TryCreateAsync("k", "third"));
        Assert.Equal("first", client.Get<string>("k"));
        Assert.NotNull(client.TryCreate("other", "new"));
        await Assert.ThrowsAsync<HoldfastException>(async () => await client.CreateAsync("k", "fourth"));
    }

    [Fact]
    public async Task replace_writes_only_over_the_expected_version()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        long first = client.Put("k", "first");
        long second = client.Replace("k", "second", first);
        HoldfastException error = Assert.Throws<HoldfastException>(() => client.Replace("k", "third", first));
        Assert.Equal(HoldfastErrorCode.VersionMismatch, error.Code);
        Assert.Equal(second, error.CurrentVersion);
        Assert.Equal($"The entry of key \"k\" has version {second}, not {first}. Read it again, or use TryReplace.", error.Message);
        Assert.Null(client.TryReplace("k", "third", first));
        Assert.Equal("second", client.Get<string>("k"));
        Assert.True(await client.TryReplaceAsync("k", "third", second) > second);
        HoldfastException missing = await Assert.ThrowsAsync<HoldfastException>(async () => await client.ReplaceAsync("none", 1, 1));
        Assert.Equal(HoldfastErrorCode.VersionMismatch, missing.Code);
        Assert.Equal("The key \"none\" has no entry: Replace needs one; use Put or Create.", missing.Message);
        Assert.Null(missing.CurrentVersion);
        Assert.Null(missing.CurrentVersion);
        Assert.False(client.Exists("none"));
    }

    [Fact]
    public async Task delete_says_whether_there_was_an_entry()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("k", 1);
        Assert.True(client.Delete("k"));
        Assert.False(await client.DeleteAsync("k"));
        Assert.False(client.Exists("k"));
    }

    [Fact]
    public async Task delete_with_a_version_refuses_another_and_is_false_on_a_miss()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        long version = client.Put("k", 1);
        HoldfastException error = Assert.Throws<HoldfastException>(() => client.Delete("k", version - 1));
        Assert.Equal(HoldfastErrorCode.VersionMismatch, error.Code);
        Assert.False(client.TryDelete("k", version - 1));
        Assert.True(client.Exists("k"));
        Assert.True(client.Delete("k", version));
        Assert.False(client.Delete("k", version));
        Assert.False(await client.TryDeleteAsync("k", version));
    }

    [Fact]
    public async Task get_and_put_and_get_and_delete_give_the_former_value()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        Assert.False(client.GetAndPut("k", "one").Found);
        Assert.Equal("one", (await client.GetAndPutAsync("k", "two")).Value);
        Assert.Equal("two", client.GetAndDelete<string>("k").Value);
        Assert.False((await client.GetAndDeleteAsync<string>("k")).Found);
    }

    [Fact]
    public async Task both_classes_of_store_do_all_of_it()
    {
        foreach (string settings in (string[])["&class=cache", "&class=coordination"])
        {
            await using HoldfastClient client = await TestNode.ConnectAsync(settings);
            Assert.Equal(settings.EndsWith("cache", StringComparison.Ordinal) ? HoldfastStoreClass.Cache : HoldfastStoreClass.Coordination, await TestNode.ClassOfAsync(client));
            long version = client.Put("a", 1);
            Assert.Equal(2, client.Increment("a"));
            Assert.Null(client.TryReplace("a", 5, version));
            Assert.Equal(2, client.GetAndDelete<int>("a").Value);
            Assert.Matches("^tests(-[0-9]+)?$", client.StoreName);
        }
    }

    [Fact]
    public async Task calls_with_options_do_the_same()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        var request = new RequestOptions { Timeout = TimeSpan.FromSeconds(5) };
        await client.PutAsync("k", "v", new PutOptions { Timeout = TimeSpan.FromSeconds(5) });
        Assert.Equal("v", client.Get<string>("k", request));
        Assert.Equal("v", await client.GetAsync<string>("k", request));
        Assert.True(client.TryGet<string>("k", request).Found);
        Assert.True(client.Exists("k", request));
        Assert.Equal(1, client.Count(KeyRange.All, request));
        Assert.True(client.Touch("k", request));
        Assert.True(client.Persist("k", request));
        Assert.True(client.Delete("k", request));
        Assert.Throws<ArgumentNullException>(() => client.Get<string>("k", (RequestOptions)null!));
        Assert.Equal(
            "Timeout",
            Assert.Throws<ArgumentOutOfRangeException>(() => client.Get<string>("k", new RequestOptions { Timeout = TimeSpan.Zero })).ParamName);
    }
}
