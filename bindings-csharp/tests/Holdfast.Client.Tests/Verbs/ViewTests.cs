namespace Holdfast.Tests.Verbs;

public class ViewTests
{
    [Fact]
    public async Task a_view_with_a_prefix_sees_and_changes_only_its_keys()
    {
        foreach (string settings in (string[])["", "&class=cache"])
        {
            await using HoldfastClient client = await TestNode.ConnectAsync(settings);
            HoldfastClient view = client.WithPrefix("shop:").WithPrefix("eu:");
            view.Put("1", "one");
            view.Put("2", "two");
            client.Put("shop:us:1", "other");
            client.Put("shop:eu;", "after");
            Assert.Equal("one", client.Get<string>("shop:eu:1"));
            Assert.Equal(2, view.Count());
            Assert.Equal(["1", "2"], view.ScanKeys().Select(key => key.ToString()).Order(StringComparer.Ordinal));
            Assert.Equal("2", Assert.Single(view.Scan<string>(KeyRange.Prefix("2"))).Key.ToString());
            Assert.Equal("2", Assert.Single(view.ScanKeys(KeyRange.Between("2", default))).ToString());
            Assert.Equal("1", Assert.Single(view.ScanKeys(KeyRange.Between(default, "2"))).ToString());
            Assert.Equal("two", view.GetMany<string>(["2"])[0].Value);
            Assert.True(view.Batch().Delete("1").Send()[0].Applied);
            Assert.Equal(1, view.Clear(KeyRange.All));
            Assert.Equal(2, client.Count());
        }
    }

    [Fact]
    public async Task a_prefix_of_the_highest_bytes_has_an_open_range()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        HoldfastClient view = client.WithPrefix(new byte[] { 0xff, 0xff });
        view.Put("a", 1);
        Assert.Equal("a", Assert.Single(view.ScanKeys(KeyRange.Between("a", default))).ToString());
    }

    [Fact]
    public async Task a_view_on_another_store_has_its_own_keys_settings_and_class()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        HoldfastClient cache = client.Store("sessions", new HoldfastStoreOptions { Class = HoldfastStoreClass.Cache, MaxMemory = "8MiB" });
        client.Put("k", "here");
        cache.Put("k", "there");
        Assert.Equal("here", client.Get<string>("k"));
        Assert.Equal(("there", "sessions", HoldfastStoreClass.Cache), (cache.Get<string>("k"), cache.StoreName, (await TestNode.ClassOfAsync(cache))!.Value));
        Assert.Equal(8 << 20, cache.Stats().MaxMemory);
        Assert.Equal("there", client.Store("sessions").Get<string>("k"));
        Assert.Null(client.Store("tenant/sessions").Get<string>("k"));
    }

    [Fact]
    public async Task disposing_a_view_leaves_the_client_and_disposing_the_client_ends_the_view()
    {
        HoldfastClient client = await TestNode.ConnectAsync();
        HoldfastClient view = client.WithPrefix("p:");
        view.Dispose();
        await view.DisposeAsync();
        view.Put("k", 1);
        await client.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => view.Get<int>("k"));
        Assert.Throws<ObjectDisposedException>(() => client.Store("never opened").Get<int>("k"));
    }

    [Fact]
    public async Task a_store_with_contradicting_settings_is_a_typed_error_that_names_both_and_can_be_tried_again()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Store("orders", new HoldfastStoreOptions { Class = HoldfastStoreClass.Cache }).Put("k", 1);
        HoldfastClient other = client.Store("orders", new HoldfastStoreOptions { Class = HoldfastStoreClass.Coordination });
        for (int round = 0; round < 2; round++)
        {
            HoldfastException error = Assert.Throws<HoldfastException>(() => other.Get<int>("k"));
            Assert.Equal(HoldfastErrorCode.StoreConflict, error.Code);
            Assert.Contains("cache", error.Message, StringComparison.Ordinal);
            Assert.Contains("coordination", error.Message, StringComparison.Ordinal);
        }

        HoldfastException asynchronous = await Assert.ThrowsAsync<HoldfastException>(async () => await other.GetAsync<int>("k"));
        Assert.Equal(HoldfastErrorCode.StoreConflict, asynchronous.Code);
    }
}
