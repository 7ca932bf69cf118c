namespace Holdfast.Tests.Errors;

public class BadInputTests
{
    [Theory]
    [InlineData("embedded/store", "holdfast://embedded/STORE")]
    [InlineData("localhost:7861", "holdfast://host:7861/STORE")]
    [InlineData("redis://localhost/store", "redis")]
    [InlineData("holdfast://", "host")]
    [InlineData("holdfast://embedded/a/b/c", "/")]
    [InlineData("holdfast://embedded/st ore", "store")]
    [InlineData("holdfast://embedded/%zz", "%")]
    [InlineData("holdfast://embedded/s#fragment", "#")]
    [InlineData("holdfast://host:99999/s", "port")]
    public async Task a_malformed_connection_string_is_a_typed_error_that_names_the_part(string text, string named)
    {
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(() => HoldfastClient.ConnectAsync(text));
        Assert.Equal(HoldfastErrorCode.InvalidConnectionString, error.Code);
        Assert.Equal(HoldfastOutcome.NotApplied, error.Outcome);
        Assert.Contains(named, error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("holdfast://embedded/s?max-memroy=1GiB", "max-memory")]
    [InlineData("holdfast://embedded/s?class=lru", "lru")]
    [InlineData("holdfast://embedded/s?default-ttl=soon", "soon")]
    public async Task a_setting_that_is_unknown_or_has_a_wrong_value_is_a_typed_error(string text, string named)
    {
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(() => HoldfastClient.ConnectAsync(text));
        Assert.Contains(error.Code, (HoldfastErrorCode[])[HoldfastErrorCode.InvalidSetting, HoldfastErrorCode.InvalidConnectionString]);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task secrets_in_a_connection_string_never_show()
    {
        foreach (string text in (string[])["holdfast://user:hunter2@host/s", "holdfast://:hunter2@embedded/s", "user:hunter2@host"])
        {
            HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(() => HoldfastClient.ConnectAsync(text));
            Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task endpoints_are_checked_before_anything_is_connected()
    {
        Assert.Equal("[::1]:7861", new HoldfastEndpoint("::1").ToString());
        await Assert.ThrowsAsync<ArgumentException>(() => HoldfastClient.ConnectAsync("teststore", Array.Empty<HoldfastEndpoint>()));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HoldfastEndpoint("host", 0));
    }

    [Fact]
    public async Task settings_of_a_node_are_refused_where_the_node_is_a_server()
    {
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(
            () => HoldfastClient.ConnectAsync("holdfast://host/s", new HoldfastClientOptions { MemoryLimit = "1GiB" }));
        Assert.Equal(HoldfastErrorCode.InvalidSetting, error.Code);
        Assert.Contains("memory-limit", error.Message, StringComparison.Ordinal);
        Assert.Contains("holdfast serve", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_token_never_shows()
    {
        var options = new HoldfastClientOptions { ConnectionString = "holdfast://host/s?clock=manual", Token = "hunter2" };
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(() => HoldfastClient.ConnectAsync(options));
        Assert.DoesNotContain("hunter2", error + options.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_missing_connection_string_is_an_argument_error_that_shows_one()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => HoldfastClient.Create(new HoldfastClientOptions()));
        Assert.Contains("holdfast://embedded/", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentNullException>(() => HoldfastClient.ConnectAsync((string)null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => HoldfastClient.ConnectAsync((HoldfastClientOptions)null!));
        Assert.Throws<ArgumentNullException>(() => HoldfastClient.Create(null!));
    }

    [Fact]
    public async Task a_setting_with_a_line_break_cannot_smuggle_in_another()
    {
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(() => HoldfastClient.ConnectAsync(
            TestNode.ConnectionString(), new HoldfastClientOptions { ClientName = "a\nmax-memory=1" }));
        Assert.Equal(HoldfastErrorCode.InvalidSetting, error.Code);
        Assert.Contains("client-name", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_contradicting_opener_of_a_store_is_a_typed_error()
    {
        string text = TestNode.ConnectionString();
        await using HoldfastClient client = await HoldfastClient.ConnectAsync(text + "&max-memory=64MiB");
        HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(() => HoldfastClient.ConnectAsync(text + "&max-memory=32MiB"));
        Assert.Equal(HoldfastErrorCode.StoreConflict, error.Code);
    }

    [Fact]
    public async Task an_unknown_store_is_a_typed_error_where_stores_are_not_made_on_first_use()
    {
        string text = TestNode.ConnectionString();
        await using HoldfastClient first = await HoldfastClient.ConnectAsync(text);
        await using HoldfastClient client = await HoldfastClient.ConnectAsync(text + "&auto-create-stores=off");
        HoldfastException error = Assert.Throws<HoldfastException>(() => client.Store("unknown").Get<int>("k"));
        Assert.Equal(HoldfastErrorCode.StoreNotFound, error.Code);
    }

    [Fact]
    public async Task a_value_over_the_limit_is_a_typed_error_with_limit_and_size_and_nothing_changes()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync("&max-memory=1MiB&max-value=1KiB");
        client.Put("k", "before");
        HoldfastException error = Assert.Throws<HoldfastException>(() => client.Put("k", new byte[1_025]));
        Assert.Equal(HoldfastErrorCode.ValueTooLarge, error.Code);
        Assert.Contains("1025", error.Message, StringComparison.Ordinal);
        Assert.Equal("before", client.Get<string>("k"));
        client.Put("k", new byte[1_024]);
    }

    [Fact]
    public async Task a_full_coordination_store_refuses_by_a_typed_error_and_a_delete_still_works()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync("&max-memory=1MiB&max-value=64KiB");
        HoldfastException? full = null;
        int put = 0;
        for (; full is null && put < 100; put++)
        {
            try
            {
                client.Put($"k{put}", new byte[60_000]);
            }
            catch (HoldfastException error)
            {
                full = error;
            }
        }

        Assert.Equal(HoldfastErrorCode.StoreFull, full?.Code);
        Assert.Equal(HoldfastOutcome.NotApplied, full!.Outcome);
        Assert.Equal(put - 1, client.Count());
        Assert.True(client.Delete("k0"));
        client.Put("k0", new byte[60_000]);
    }

    [Fact]
    public async Task a_cache_store_holds_its_budget_by_evicting()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync("&class=cache&max-memory=1MiB&max-value=64KiB");
        for (int index = 0; index < 2_000; index++)
        {
            client.Put($"k{index}", new byte[1_000]);
        }

        client.AdvanceClock(TimeSpan.Zero);
        StoreStats stats = client.Stats();
        Assert.True(stats.Evictions > 0);
        Assert.InRange(stats.Bytes, 1, 1 << 20);
    }
}
