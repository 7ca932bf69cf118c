using Holdfast.Interop;

namespace Holdfast.Tests.Boundary;

public class CancellationTests
{
    [Fact]
    public async Task a_call_cancelled_before_it_is_sent_says_that_nothing_was_applied()
    {
        await using var echo = new Echo();
        using var source = new CancellationTokenSource();
        await source.CancelAsync();
        Task<string> task = echo.CallAsync(EchoMode.Inline, "k", source.Token).AsTask();
        var error = await Assert.ThrowsAsync<HoldfastCanceledException>(() => task);
        Assert.True(task.IsCanceled);
        Assert.Equal(HoldfastOutcome.NotApplied, error.Outcome);
        Assert.Equal(source.Token, error.CancellationToken);
        Assert.Throws<HoldfastCanceledException>(() => echo.Call(EchoMode.Inline, "k", source.Token));
    }

    [Fact]
    public async Task a_call_cancelled_in_flight_ends_with_the_callers_token()
    {
        await using var echo = new Echo();
        using var source = new CancellationTokenSource();
        Task<string> task = echo.CallAsync(EchoMode.Hold, "k", source.Token).AsTask();
        Assert.False(task.IsCompleted);
        await source.CancelAsync();
        var error = await Assert.ThrowsAsync<HoldfastCanceledException>(() => task);
        Assert.True(task.IsCanceled);
        Assert.Equal(source.Token, error.CancellationToken);
        Assert.Equal(HoldfastErrorCode.Cancelled, error.Code);
    }

    [Fact]
    public async Task a_synchronous_call_cancelled_in_flight_ends()
    {
        await using var echo = new Echo();
        using var source = new CancellationTokenSource();
        Task call = Task.Run(() => echo.Call(EchoMode.Hold, "k", source.Token));
        await source.CancelAsync();
        await Assert.ThrowsAsync<HoldfastCanceledException>(() => call);
    }

    [Fact]
    public async Task cancelling_one_call_leaves_the_others_of_the_same_token_source_alone_when_they_are_done()
    {
        await using var echo = new Echo();
        using var source = new CancellationTokenSource();
        Assert.Equal("done", await echo.CallAsync(EchoMode.Deferred, "done", source.Token));
        Task<string> other = echo.CallAsync(EchoMode.Hold, "held").AsTask();
        await source.CancelAsync();
        Assert.Equal("next", await echo.CallAsync(EchoMode.Deferred, "next"));
        Assert.False(other.IsCompleted);
    }

    [Fact]
    public async Task calls_that_race_with_their_cancellation_end_once_each_with_their_own_reply_or_cancelled()
    {
        await using var echo = new Echo();
        long strays = Tickets.Strays;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(caller => Task.Run(async () =>
        {
            for (int index = 0; index < 1_000; index++)
            {
                using var source = new CancellationTokenSource();
                string key = $"{caller}:{index}";
                ValueTask<string> task = echo.CallAsync(
                    index % 2 == 0 ? EchoMode.Deferred : EchoMode.OtherThread, key, source.Token);
                Task cancel = index % 3 == 0 ? Task.Run(source.Cancel) : Task.CompletedTask;
                if (index % 3 == 1)
                {
                    source.Cancel();
                }

                try
                {
                    Assert.Equal(key, await task);
                }
                catch (HoldfastCanceledException error)
                {
                    Assert.Equal(source.Token, error.CancellationToken);
                }

                // The call's object is another's now: that one must not be hit by this cancellation.
                Assert.Equal("again" + key, await echo.CallAsync(EchoMode.Deferred, "again" + key));
                await cancel;
            }
        })));
        Assert.Equal(strays, Tickets.Strays);
    }
}
