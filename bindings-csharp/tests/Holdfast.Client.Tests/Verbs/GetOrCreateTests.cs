namespace Holdfast.Tests.Verbs;

public class GetOrCreateTests
{
    [Fact]
    public async Task a_miss_makes_puts_and_gives_the_value_and_a_hit_does_not_make_it()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        int made = 0;
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal("value", await client.GetOrCreateAsync("k", _ => ValueTask.FromResult($"value{(made++ == 0 ? "" : "!")}")));
        }

        Assert.Equal(1, made);
        Assert.Equal("value", client.Get<string>("k"));
        Assert.Equal(7, await client.GetOrCreateAsync("n", 7, static (state, _) => ValueTask.FromResult(state)));
    }

    [Fact]
    public async Task the_options_hold_for_the_made_entry()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        await client.GetOrCreateAsync("k", _ => ValueTask.FromResult(1), new PutOptions { Ttl = TimeSpan.FromSeconds(1) });
        client.AdvanceClock(TimeSpan.FromSeconds(1));
        Assert.False(client.Exists("k"));
        bool isMade = false;
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await client.GetOrCreateAsync(
            "k", _ => ValueTask.FromResult(isMade = true), new PutOptions { Ttl = TimeSpan.Zero }));
        Assert.False(isMade);
    }

    [Fact]
    public async Task many_callers_of_many_clients_and_views_wait_for_one_factory()
    {
        string connectionString = TestNode.ConnectionString();
        await using HoldfastClient one = await HoldfastClient.ConnectAsync(connectionString);
        await using HoldfastClient other = await HoldfastClient.ConnectAsync(connectionString);
        var release = new TaskCompletionSource<string>();
        int made = 0;
        Task<string>[] callers = [.. Enumerable.Range(0, 100).Select(index => Task.Run(async () =>
            index % 2 == 0
                ? await one.WithPrefix("p:").GetOrCreateAsync("k", Make)
                : await other.GetOrCreateAsync("p:k", Make)))];
        await Eventually.IsTrueAsync(() => Volatile.Read(ref made) > 0, "the factory runs");
        release.SetResult("value");
        Assert.All(await Task.WhenAll(callers), value => Assert.Equal("value", value));
        Assert.Equal(1, made);

        ValueTask<string> Make(CancellationToken token)
        {
            Interlocked.Increment(ref made);
            return new ValueTask<string>(release.Task);
        }
    }

    [Fact]
    public async Task a_failed_factory_fails_those_who_wait_and_is_not_remembered()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        var release = new TaskCompletionSource<string>();
        Task<string>[] callers = [.. Enumerable.Range(0, 5).Select(_ => client.GetOrCreateAsync("k", _ => new ValueTask<string>(release.Task)).AsTask())];
        release.SetException(new InvalidDataException("the database is down"));
        foreach (Task<string> caller in callers)
        {
            await Assert.ThrowsAsync<InvalidDataException>(() => caller);
        }

        Assert.Equal("now", await client.GetOrCreateAsync("k", _ => ValueTask.FromResult("now")));
    }

    [Fact]
    public async Task a_caller_that_gives_up_leaves_the_factory_to_the_others()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        var release = new TaskCompletionSource<string>();
        CancellationToken given = default;
        using var impatient = new CancellationTokenSource();
        Task<string> first = client.GetOrCreateAsync("k", Make, cancellationToken: impatient.Token).AsTask();
        Task<string> second = client.GetOrCreateAsync("k", Make).AsTask();
        // Each joins once it has missed the entry: before both have, there would be nobody left to make it for.
        await Eventually.IsTrueAsync(
            () => Flight<string>.WaitersOf(client.FlightKeyOf<string>("k")) == 2, "both wait for the value");
        await impatient.CancelAsync();
        var error = await Assert.ThrowsAsync<HoldfastCanceledException>(() => first);
        Assert.Equal(impatient.Token, error.CancellationToken);
        Assert.False(given.IsCancellationRequested);
        release.SetResult("value");
        Assert.Equal("value", await second);

        ValueTask<string> Make(CancellationToken token)
        {
            given = token;
            return new ValueTask<string>(release.Task);
        }
    }

    [Fact]
    public async Task the_factory_is_cancelled_when_the_last_who_waits_gives_up_and_the_next_caller_starts_anew()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        using var impatient = new CancellationTokenSource();
        var begun = new TaskCompletionSource();
        var cancelled = new TaskCompletionSource();
        Task<string>[] callers = [.. Enumerable.Range(0, 3).Select(_ => client.GetOrCreateAsync("k", MakeAsync, cancellationToken: impatient.Token).AsTask())];
        await begun.Task;
        await impatient.CancelAsync();
        foreach (Task<string> caller in callers)
        {
            await Assert.ThrowsAsync<HoldfastCanceledException>(() => caller);
        }

        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("anew", await client.GetOrCreateAsync("k", _ => ValueTask.FromResult("anew")));

        async ValueTask<string> MakeAsync(CancellationToken token)
        {
            begun.TrySetResult();
            try
            {
                await Task.Delay(Timeout.Infinite, token);
            }
            finally
            {
                cancelled.TrySetResult();
            }

            return "never";
        }
    }

    [Fact]
    public async Task an_entry_that_somebody_puts_meanwhile_wins()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        string value = await client.GetOrCreateAsync("k", token =>
        {
            client.Put("k", "put meanwhile", token);
            return ValueTask.FromResult("made");
        });
        Assert.Equal("put meanwhile", value);
        Assert.Equal("put meanwhile", client.Get<string>("k"));
    }

    [Fact]
    public async Task a_null_is_given_and_not_put()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        Assert.Null(await client.GetOrCreateAsync("k", _ => ValueTask.FromResult<string?>(null)));
        Assert.False(client.Exists("k"));
    }

    [Fact]
    public async Task a_client_disposed_over_another_clients_factory_waits_no_longer()
    {
        string connectionString = TestNode.ConnectionString();
        HoldfastClient waiting = await HoldfastClient.ConnectAsync(connectionString);
        await using HoldfastClient making = await HoldfastClient.ConnectAsync(connectionString);
        var begun = new TaskCompletionSource();
        var release = new TaskCompletionSource<string>();
        Task<string> made = making.GetOrCreateAsync("k", _ =>
        {
            begun.SetResult();
            return new ValueTask<string>(release.Task);
        }).AsTask();
        await begun.Task;
        Task<string> waits = waiting.GetOrCreateAsync("k", _ => ValueTask.FromResult("its own")).AsTask();
        await Eventually.IsTrueAsync(
            () => Flight<string>.WaitersOf(making.FlightKeyOf<string>("k")) == 2, "both wait for the value");
        await waiting.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waits);
        release.SetResult("made");
        Assert.Equal("made", await made);
    }

    [Fact]
    public async Task a_client_disposed_over_its_factory_does_not_fail_the_other_clients_callers()
    {
        string connectionString = TestNode.ConnectionString();
        HoldfastClient leader = await HoldfastClient.ConnectAsync(connectionString);
        await using HoldfastClient follower = await HoldfastClient.ConnectAsync(connectionString);
        var release = new TaskCompletionSource<string>();
        Task<string> first = leader.GetOrCreateAsync("k", _ => new ValueTask<string>(release.Task)).AsTask();
        Task<string> second = follower.GetOrCreateAsync("k", _ => ValueTask.FromResult("the follower's own")).AsTask();
        await leader.DisposeAsync();
        release.SetResult("the leader's");
        await Assert.ThrowsAsync<ObjectDisposedException>(() => first);
        Assert.Equal("the follower's own", await second);
    }
}
