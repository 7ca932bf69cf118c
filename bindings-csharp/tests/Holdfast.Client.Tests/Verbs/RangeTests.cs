namespace Holdfast.Tests.Verbs;

public class RangeTests
{
    [Fact]
    public async Task a_scan_of_a_coordination_store_goes_in_key_order_both_ways()
    {
        await using HoldfastClient client = await FilledAsync("");
        Assert.Equal(["a:0", "a:1", "a:2", "b:0", "b:1"], Texts(client.ScanKeys()));
        Assert.Equal(["b:1", "b:0", "a:2", "a:1", "a:0"], Texts(client.ScanKeys(options: new ScanOptions { Descending = true, PageSize = 2 })));
        Assert.Equal(["a:0", "a:1", "a:2"], Texts(client.ScanKeys(KeyRange.Prefix("a:"))));
        Assert.Equal(["a:1", "a:2", "b:0"], Texts(client.ScanKeys(KeyRange.Between("a:1", "b:1"))));
        Assert.Equal(["b:0", "b:1"], Texts(client.ScanKeys(KeyRange.Between("b", default))));
        Assert.Equal(["a:0", "a:1"], Texts(client.ScanKeys(KeyRange.Between(default, "a:2"))));
    }

    [Fact]
    public async Task a_scan_of_a_cache_store_meets_every_entry_once_in_a_stable_order()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync("&class=cache");
        for (int index = 0; index < 1_000; index++)
        {
            client.Put($"key:{index}", index);
        }

        List<string> first = Texts(client.ScanKeys(options: new ScanOptions { PageSize = 7 }));
        Assert.Equal(1_000, first.Distinct().Count());
        Assert.Equal(first, Texts(client.ScanKeys()));
        Assert.Equal(first.AsEnumerable().Reverse(), Texts(client.ScanKeys(options: new ScanOptions { Descending = true, PageSize = 100 })));
    }

    [Fact]
    public async Task a_scan_with_values_gives_them_with_versions_and_deadlines()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        long version = client.Put("k", "value", new PutOptions { Ttl = TimeSpan.FromSeconds(1) });
        ScanEntry<string> entry = Assert.Single(client.Scan<string>());
        Assert.Equal(("k", "value", version), (entry.Key.ToString(), entry.Value, entry.Version));
        Assert.NotNull(entry.ExpiresAt);
        client.AdvanceClock(TimeSpan.FromSeconds(1));
        Assert.Empty(client.Scan<string>());
    }

    [Fact]
    public async Task an_asynchronous_scan_gives_the_same_and_can_be_cancelled()
    {
        await using HoldfastClient client = await FilledAsync("");
        var keys = new List<string>();
        await foreach (ScanEntry<int> entry in client.ScanAsync<int>(KeyRange.Prefix("a:"), new ScanOptions { PageSize = 1 }))
        {
            keys.Add(entry.Key.ToString());
        }

        Assert.Equal(["a:0", "a:1", "a:2"], keys);
        using var source = new CancellationTokenSource();
        await Assert.ThrowsAsync<HoldfastCanceledException>(async () =>
        {
            await foreach (HoldfastKey key in client.ScanKeysAsync(options: new ScanOptions { PageSize = 1 }).WithCancellation(source.Token))
            {
                await source.CancelAsync();
            }
        });
    }

    [Fact]
    public async Task a_scan_resumes_from_a_cursor_that_went_through_text()
    {
        foreach (string settings in (string[])["", "&class=cache"])
        {
            await using HoldfastClient client = await FilledAsync(settings);
            List<string> all = Texts(client.ScanKeys());
            var pieces = new List<string>();
            string? cursor = null;
            do
            {
                ScanPage<HoldfastKey> page = await client.ScanKeysPageAsync(
                    options: new ScanOptions { PageSize = 2, Cursor = cursor is null ? null : ScanCursor.Parse(cursor) });
                Assert.InRange(page.Entries.Count, 0, 2);
                pieces.AddRange(Texts(page.Entries));
                cursor = page.Next?.ToString();
            }
            while (cursor is not null);
            Assert.Equal(all, pieces);
        }
    }

    [Fact]
    public async Task a_cursor_that_is_none_is_a_typed_error()
    {
        await using HoldfastClient client = await FilledAsync("");
        Assert.Throws<FormatException>(() => ScanCursor.Parse("!"));
        Assert.False(ScanCursor.TryParse("", out _));
        HoldfastException error = Assert.Throws<HoldfastException>(
            () => client.ScanKeysPage(options: new ScanOptions { Cursor = ScanCursor.Parse("AAAA") }));
        Assert.Equal(HoldfastErrorCode.InvalidCursor, error.Code);
        Assert.Throws<ArgumentOutOfRangeException>(() => client.ScanKeysPage(options: new ScanOptions { PageSize = 0 }));
    }

    [Fact]
    public async Task count_and_clear_mean_all_a_prefix_or_a_range()
    {
        foreach (string settings in (string[])["", "&class=cache"])
        {
            await using HoldfastClient client = await FilledAsync(settings);
            Assert.Equal(5, client.Count());
            Assert.Equal(3, client.Count(KeyRange.Prefix("a:")));
            Assert.Equal(2, await client.CountAsync(KeyRange.Between("a:1", "b:0")));
            Assert.Equal(1, client.Clear(KeyRange.Between("a:1", "a:2")));
            Assert.Equal(2, await client.ClearAsync(KeyRange.Prefix("b:")));
            Assert.Equal(2, client.Count());
            Assert.Equal(2, client.Clear(KeyRange.All));
            Assert.Equal(0, client.Count());
        }
    }

    [Fact]
    public async Task statistics_count_what_happened()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync("&class=cache&max-memory=8MiB");
        client.Put("k", new byte[100], new PutOptions { Ttl = TimeSpan.FromSeconds(1) });
        client.Get<byte[]>("k");
        client.Get<byte[]>("missing");
        StoreStats stats = client.Stats();
        Assert.Equal((1, 1, 1, 8 << 20), (stats.Hits, stats.Misses, stats.Entries, stats.MaxMemory));
        Assert.InRange(stats.Bytes, 101, 1_000);
        client.AdvanceClock(TimeSpan.FromSeconds(1));
        stats = await client.StatsAsync();
        Assert.Equal((0, 1), (stats.Entries, stats.Expirations));
    }

    [Fact]
    public void statistics_are_readable_as_text() => Assert.Equal(
        "1 entries in 120 of 8388608 bytes; 3 hits, 4 misses, 5 evictions, 6 expirations, 7 changes",
        new StoreStats { Entries = 1, Bytes = 120, MaxMemory = 8 << 20, Hits = 3, Misses = 4, Evictions = 5, Expirations = 6, Changes = 7 }.ToString());

    private static List<string> Texts(IEnumerable<HoldfastKey> keys) => [.. keys.Select(key => key.ToString())];

    private static async Task<HoldfastClient> FilledAsync(string settings)
    {
        HoldfastClient client = await TestNode.ConnectAsync(settings);
        foreach (string key in (string[])["b:1", "a:2", "a:0", "b:0", "a:1"])
        {
            client.Put(key, 1);
        }

        return client;
    }
}
