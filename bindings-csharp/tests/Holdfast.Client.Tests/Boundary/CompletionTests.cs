using Holdfast.Interop;

namespace Holdfast.Tests.Boundary;

/// <summary>What awaits a call runs on the thread pool, next to what awaits the calls that completed with it.</summary>
[Collection(Alone.Name)]
public class CompletionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task continuations_that_block_for_good_hold_up_no_other_completion_of_their_batch(int blocking)
    {
        const int Calls = 200;
        var echo = new Echo();
        using var release = new ManualResetEventSlim();
        var others = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int begun = 0;
        int ended = 0;
        void Continue()
        {
            if (Interlocked.Increment(ref begun) <= blocking)
            {
                release.Wait();
            }
            else if (Interlocked.Increment(ref ended) == Calls - blocking)
            {
                others.SetResult();
            }
        }

        Task[] callers = [.. Enumerable.Range(0, Calls).Select(_ => HoldAsync(echo, Continue))];
        try
        {
            echo.Native.Close(); // ends them in one callback
            await others.Task.WaitAsync(Patience);
        }
        finally
        {
            release.Set();
        }

        await Task.WhenAll(callers).WaitAsync(Patience);
        await echo.DisposeAsync();
    }

    [Fact]
    public async Task a_million_calls_of_64_callers_all_end_each_with_its_own_reply()
    {
        const int Callers = 64;
        const int CallsEach = 1_000_000 / Callers;
        await using var echo = new Echo();
        long strays = Tickets.Strays;
        long[] ended = await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            long own = 0;
            for (int index = 0; index < CallsEach; index++)
            {
                long number = ((long)caller << 32) | (uint)index;
                own += await echo.CountAsync(EchoMode.Deferred, number) == number ? 1 : 0;
            }

            return own;
        })));
        Assert.Equal(1_000_000, ended.Sum());
        Assert.Equal(strays, Tickets.Strays);
    }

    [Theory]
    [InlineData((uint)EchoMode.Deferred)]
    [InlineData((uint)EchoMode.OtherThread)]
    public async Task nothing_of_the_caller_runs_on_a_native_thread(uint mode)
    {
        await using var echo = new Echo();
        var context = new RecordingContext();
        int foreign = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (int index = 0; index < 500; index++)
            {
                await echo.CountAsync((EchoMode)mode, index).ConfigureAwait(false);
                Interlocked.Add(ref foreign, Thread.CurrentThread.IsThreadPoolThread ? 0 : 1);
                SynchronizationContext.SetSynchronizationContext(context);
                await echo.CountAsync((EchoMode)mode, index);
                SynchronizationContext.SetSynchronizationContext(null);
            }
        })));
        Assert.Equal(0, foreign);
        Assert.Equal(0, context.FromForeignThreads);
    }

    [Fact]
    public async Task an_item_runs_a_bounded_number_of_calls_and_leaves_the_rest_to_other_items()
    {
        const int Calls = 10_000;
        var calls = new CompletedCalls();
        int here = 0;
        int all = 0;
        Thread self = Thread.CurrentThread;
        for (int index = 0; index < Calls; index++)
        {
            calls.Add(new Act(() =>
            {
                here += Thread.CurrentThread == self ? 1 : 0;
                Interlocked.Increment(ref all);
            }));
        }

        ((IThreadPoolWorkItem)calls).Execute();
        Assert.InRange(here, 1, CompletedCalls.MostPerItem);
        await Eventually.IsTrueAsync(() => Volatile.Read(ref all) == Calls, "all calls have run");
    }

    [Fact]
    public async Task a_continuation_that_throws_takes_no_other_call_with_it()
    {
        const int Calls = 1_000;
        var calls = new CompletedCalls();
        int all = 0;
        calls.Add(new Act(static () => throw new InvalidTimeZoneException()));
        for (int index = 0; index < Calls; index++)
        {
            calls.Add(new Act(() => Interlocked.Increment(ref all)));
        }

        Assert.Throws<InvalidTimeZoneException>(((IThreadPoolWorkItem)calls).Execute);
        await Eventually.IsTrueAsync(() => Volatile.Read(ref all) == Calls, "all other calls have run");
    }

    [Fact]
    public async Task what_a_continuation_leaves_on_its_thread_the_next_one_does_not_see()
    {
        const int Calls = 1_000;
        var calls = new CompletedCalls();
        var left = new AsyncLocal<object>();
        int seen = 0;
        int all = 0;
        for (int index = 0; index < Calls; index++)
        {
            calls.Add(new Act(() =>
            {
                if (left.Value is not null || SynchronizationContext.Current is RecordingContext)
                {
                    Interlocked.Increment(ref seen);
                }

                left.Value = calls;
                SynchronizationContext.SetSynchronizationContext(new RecordingContext());
                Interlocked.Increment(ref all);
            }));
        }

        calls.Publish();
        await Eventually.IsTrueAsync(() => Volatile.Read(ref all) == Calls, "all calls have run");
        Assert.Equal(0, seen);
    }

    /// <summary>A call that ends when its client closes, and what comes after it.</summary>
    private static async Task HoldAsync(Echo echo, Action then)
    {
        try
        {
            await echo.CallAsync(EchoMode.Hold, "held").ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            then();
        }
    }

    private sealed class Act(Action act) : IThreadPoolWorkItem
    {
        public void Execute() => act();
    }

    private sealed class RecordingContext : SynchronizationContext
    {
        private int _fromForeignThreads;

        internal int FromForeignThreads => Volatile.Read(ref _fromForeignThreads);

        public override void Post(SendOrPostCallback d, object? state)
        {
            Interlocked.Add(ref _fromForeignThreads, Thread.CurrentThread.IsThreadPoolThread ? 0 : 1);
            base.Post(d, state);
        }
    }
}
