using System.Diagnostics;

namespace Holdfast.Tests.Faults;

/// <summary>A node that keeps its connections and answers nothing.</summary>
public class SuspendedNodeTests
{
    private static readonly TimeSpan Time = TimeSpan.FromMilliseconds(300);

    [Fact]
    public async Task calls_end_in_their_time_and_say_whether_a_change_may_have_been_applied()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node, static options => options.Timeout = Time);
        client.Put("k", 1, new PutOptions { Timeout = TimeSpan.FromSeconds(30) });
        node.Suspend();
        HoldfastTimeoutException put = await Nodes.FailsWithinAsync<HoldfastTimeoutException>(Time, async () => await client.PutAsync("k", 2));
        Assert.Equal(HoldfastOutcome.Unknown, put.Outcome);
        HoldfastTimeoutException get = await Nodes.FailsWithinAsync<HoldfastTimeoutException>(Time, () => Task.FromResult(client.Get<int>("k")));
        Assert.Equal(HoldfastOutcome.NotApplied, get.Outcome);
        node.Resume();
        Assert.InRange(client.Get<int>("k", new RequestOptions { Timeout = TimeSpan.FromSeconds(30) }), 1, 2);
    }

    [Fact]
    public async Task every_verb_keeps_the_time_that_its_options_give()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node, static options => options.Timeout = TimeSpan.FromHours(1));
        client.Put("k", 1);
        HoldfastBatch batch = client.Batch().Get("k");
        HoldfastBatch other = client.Batch().Get("k");
        KeyValuePair<HoldfastKey, int>[] entries = [new("k", 1)];
        node.Suspend();
        var options = new RequestOptions { Timeout = Time };
        var put = new PutOptions { Timeout = Time };
        var expiry = new ExpiryOptions { Timeout = Time, Ttl = Time };
        var increment = new IncrementOptions { Timeout = Time };
        var scan = new ScanOptions { Timeout = Time };
        Func<Task>[] calls =
        [
            async () => await client.GetAsync<int>("k", options), async () => await client.TryGetAsync<int>("k", options),
            async () => await client.ExistsAsync("k", options), async () => await client.PutAsync("k", 1, put),
            async () => await client.CreateAsync("k", 1, put), async () => await client.TryCreateAsync("k", 1, put),
            async () => await client.ReplaceAsync("k", 1, 1, put), async () => await client.TryReplaceAsync("k", 1, 1, put),
            async () => await client.DeleteAsync("k", options), async () => await client.DeleteAsync("k", 1, options),
            async () => await client.TryDeleteAsync("k", 1, options), async () => await client.GetAndDeleteAsync<int>("k", options),
            async () => await client.GetAndPutAsync("k", 1, put), async () => await client.TouchAsync("k", options),
            async () => await client.ExpireAsync("k", expiry), async () => await client.PersistAsync("k", options),
            async () => await client.IncrementAsync("k", 1, increment), async () => await client.DecrementAsync("k", 1, increment),
            async () => await client.GetManyAsync<int>(["k"], options), async () => await client.PutManyAsync(entries, put),
            async () => await client.DeleteManyAsync(["k"], options), async () => await batch.SendAsync(options),
            async () => await client.CountAsync(KeyRange.All, options), async () => await client.ClearAsync(KeyRange.All, options),
            async () => await client.ScanPageAsync<int>(options: scan), async () => await client.ScanKeysPageAsync(options: scan),
            async () => await client.GetOrCreateAsync("k", _ => ValueTask.FromResult(1), put), async () => await client.PingAsync(options),
            () => Task.FromResult(client.Get<int>("k", options)), () => Task.FromResult(client.Put("k", 1, put)),
            () => Task.FromResult(client.PutMany(entries, put)), () => Task.FromResult(client.DeleteMany(["k"], options)),
            () => Task.FromResult(other.Send(options)), () => Task.FromResult(client.Ping(options)),
        ];
        await Task.WhenAll(calls.Select(async call =>
        {
            Exception error = await Nodes.FailsWithinAsync<Exception>(Time, call);
            Assert.Contains(Assert.IsAssignableFrom<IHoldfastError>(error).Code, (HoldfastErrorCode[])[HoldfastErrorCode.Timeout, HoldfastErrorCode.Unavailable]);
        }));
    }

    [Fact]
    public async Task a_call_cancelled_in_flight_ends_at_once_and_a_change_says_that_it_may_have_been_applied()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node);
        client.Put("k", 1);
        node.Suspend();
        using var source = new CancellationTokenSource();
        Task<long> put = client.PutAsync("k", 2, source.Token).AsTask();
        Task<int> get = client.GetAsync<int>("k", source.Token).AsTask();
        Task<int> blocking = Task.Factory.StartNew(() => client.Get<int>("k", source.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.False(put.IsCompleted || get.IsCompleted);
        await source.CancelAsync();
        HoldfastCanceledException change = await Nodes.FailsWithinAsync<HoldfastCanceledException>(TimeSpan.Zero, () => put);
        Assert.Equal((source.Token, HoldfastOutcome.Unknown), (change.CancellationToken, change.Outcome));
        HoldfastCanceledException read = await Nodes.FailsWithinAsync<HoldfastCanceledException>(TimeSpan.Zero, () => get);
        Assert.Equal((source.Token, HoldfastOutcome.NotApplied), (read.CancellationToken, read.Outcome));
        await Nodes.FailsWithinAsync<HoldfastCanceledException>(TimeSpan.Zero, () => blocking);
        node.Resume();
        Assert.InRange(client.Get<int>("k"), 1, 2);
    }

    [Fact]
    public async Task disposing_with_a_thousand_calls_in_flight_ends_them_all_promptly()
    {
        using ServeProcess node = ServeProcess.Start();
        HoldfastClient client = Nodes.ClientOf(node);
        client.Put("k", 1);
        node.Suspend();
        Task<int>[] calls = [.. Enumerable.Range(0, 1_000).Select(index => client.GetAsync<int>($"k{index}").AsTask())];
        Assert.DoesNotContain(calls, static call => call.IsCompleted);
        var waited = Stopwatch.StartNew();
        await client.DisposeAsync().AsTask().WaitAsync(Nodes.Slack);
        foreach (Task<int> call in calls)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => call.WaitAsync(Nodes.Slack));
        }

        Assert.InRange(waited.Elapsed, TimeSpan.Zero, Nodes.Slack);
    }
}
