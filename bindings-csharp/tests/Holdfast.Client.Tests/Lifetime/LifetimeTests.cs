using System.Runtime.CompilerServices;

namespace Holdfast.Tests.Lifetime;

public class LifetimeTests
{
    [Fact]
    public async Task a_client_is_lazy_and_one_that_cannot_connect_says_so_at_each_use()
    {
        await using HoldfastClient client = HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = "nonsense" });
        Assert.Throws<HoldfastException>(() => client.Get<int>("k"));
        ValueTask<int> task = client.GetAsync<int>("k");
        Assert.Equal(HoldfastErrorCode.InvalidConnectionString, (await Assert.ThrowsAsync<HoldfastException>(async () => await task)).Code);
    }

    [Fact]
    public async Task connecting_can_be_cancelled_before_it_begins()
    {
        using var source = new CancellationTokenSource();
        await source.CancelAsync();
        await Assert.ThrowsAsync<HoldfastCanceledException>(() => HoldfastClient.ConnectAsync(TestNode.ConnectionString(), source.Token));
    }

    [Fact]
    public async Task every_verb_after_dispose_throws_object_disposed()
    {
        HoldfastClient client = await TestNode.ConnectAsync();
        HoldfastBatch batch = client.Batch().Put("k", 1);
        client.Dispose();
        client.Dispose();
        await client.DisposeAsync();
        Action[] verbs =
        [
            () => client.Get<int>("k"), () => client.Put("k", 1), () => client.Delete("k"), () => client.Increment("k"),
            () => client.GetMany<int>(["k"]), () => batch.Send(), () => client.Count(), () => client.Clear(KeyRange.All),
            () => client.ScanKeysPage(), () => client.Stats(), () => client.AdvanceClock(TimeSpan.Zero), () => client.GetRaw("k"),
        ];
        Assert.All(verbs, verb => Assert.Throws<ObjectDisposedException>(verb));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await client.GetAsync<int>("k"));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await client.GetOrCreateAsync("k", _ => ValueTask.FromResult(1)));
    }

    [Fact]
    public async Task a_disposed_client_gives_no_view_on_another_store()
    {
        HoldfastClient client = await TestNode.ConnectAsync();
        HoldfastClient view = client.Store("other");
        await client.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => client.Store("another"));
        Assert.Throws<ObjectDisposedException>(() => view.Store("another"));
    }

    [Fact]
    public async Task a_client_disposed_before_its_first_use_never_opens()
    {
        HoldfastClient client = HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = TestNode.ConnectionString() });
        await client.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => client.Get<int>("k"));
    }

    [Fact]
    public async Task clients_of_one_node_share_its_stores()
    {
        string text = TestNode.ConnectionString();
        await using HoldfastClient one = await HoldfastClient.ConnectAsync(text);
        HoldfastClient two = await HoldfastClient.ConnectAsync(text);
        one.Put("k", 1);
        Assert.Equal(1, two.Get<int>("k"));
        two.Put("k", 2);
        await two.DisposeAsync();
        Assert.Equal(2, one.Get<int>("k"));
    }

    [Fact]
    public async Task many_threads_mix_everything_while_clients_are_disposed()
    {
        string text = TestNode.ConnectionString("&class=cache&max-memory=4MiB");
        await using HoldfastClient keeper = await HoldfastClient.ConnectAsync(text);
        HoldfastClient current = await HoldfastClient.ConnectAsync(text);
        using var stop = new CancellationTokenSource();
        int calls = 0;
        Thread[] threads = [.. Enumerable.Range(0, 64).Select(seed => new Thread(() => Mix(seed)))];
        Array.ForEach(threads, thread => thread.Start());
        for (int round = 0; round < 50; round++)
        {
            int before = Volatile.Read(ref calls);
            await Eventually.IsTrueAsync(() => Volatile.Read(ref calls) > before + 50, "calls go on");
            HoldfastClient old = Interlocked.Exchange(ref current, await HoldfastClient.ConnectAsync(text));
            await old.DisposeAsync();
        }

        await stop.CancelAsync();
        Array.ForEach(threads, thread => thread.Join());
        await current.DisposeAsync();
        Assert.Null(s_failure);
        keeper.Put("still", "here");
        Assert.Equal("here", keeper.Get<string>("still"));

        void Mix(int seed)
        {
            var random = new Random(seed);
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    OneCall(Volatile.Read(ref current), random);
                    Interlocked.Increment(ref calls);
                }
                catch (ObjectDisposedException)
                {
                    // expected of a client that is disposed under its callers
                }
                catch (HoldfastException error) when (error.Code is HoldfastErrorCode.NotANumber)
                {
                    // a counter that another thread has put a text over
                }
                catch (Exception error)
                {
                    s_failure = error;
                    return;
                }
            }
        }
    }

    private static Exception? s_failure;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void OneCall(HoldfastClient client, Random random)
    {
        string key = $"k{random.Next(100)}";
        switch (random.Next(9))
        {
            case 0:
                client.Put(key, new byte[random.Next(5_000)]);
                break;
            case 1:
                client.Put(key, "1", new PutOptions { SlidingTtl = TimeSpan.FromSeconds(1) });
                break;
            case 2:
                client.Increment(key);
                break;
            case 3:
                client.Delete(key);
                break;
            case 4:
                client.GetMany<byte[]>([key, "k1", "k2"]);
                break;
            case 5:
                client.ScanPage<byte[]>(options: new ScanOptions { PageSize = 10 });
                break;
            case 6:
                client.AdvanceClock(TimeSpan.FromMilliseconds(1));
                break;
            case 7:
                client.Batch().Put(key, 1).Get(key).Delete(key).Send();
                break;
            default:
                client.TryGet<byte[]>(key);
                break;
        }
    }
}
