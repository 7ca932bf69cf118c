using Holdfast.Interop;

namespace Holdfast.Tests.Boundary;

public class EchoTests
{
    [Theory]
    [InlineData((uint)EchoMode.Inline)]
    [InlineData((uint)EchoMode.Deferred)]
    [InlineData((uint)EchoMode.OtherThread)]
    public async Task asynchronous_and_synchronous_calls_get_their_own_reply(uint mode)
    {
        await using var echo = new Echo();
        Assert.Equal("hello", await echo.CallAsync((EchoMode)mode, "hello"));
        Assert.Equal("hello", echo.Call((EchoMode)mode, "hello"));
        Assert.Equal("bytes"u8.ToArray(), await echo.CallForArrayAsync((EchoMode)mode, "bytes"));
    }

    [Fact]
    public async Task a_call_that_completes_inline_is_complete_when_it_returns()
    {
        await using var echo = new Echo();
        ValueTask<string> task = echo.CallAsync(EchoMode.Inline, "now");
        bool isComplete = task.IsCompletedSuccessfully;
        Assert.Equal("now", await task);
        Assert.True(isComplete);
    }

    [Theory]
    [InlineData((uint)EchoMode.Deferred)]
    [InlineData((uint)EchoMode.OtherThread)]
    public async Task a_reply_of_any_size_comes_whole(uint mode)
    {
        await using var echo = new Echo();
        foreach (int length in (int[])[1, 511, 512, 513, 2_047, 2_049, 100_000, 3_000_000])
        {
            string key = new('k', length);
            Assert.Equal(key, await echo.CallAsync((EchoMode)mode, key));
            Assert.Equal(key, await echo.CallAsync(EchoMode.Inline, key));
            Assert.Equal(length, (await echo.CallForArrayAsync((EchoMode)mode, key)).Length);
            Assert.Equal(key, echo.Call((EchoMode)mode, key));
        }
    }

    [Fact]
    public async Task every_reply_of_many_callers_echoes_its_own_key_and_none_is_lost_or_doubled()
    {
        await using var echo = new Echo();
        long strays = Tickets.Strays;
        await Task.WhenAll(Enumerable.Range(0, 64).Select(caller => Task.Run(async () =>
        {
            for (int index = 0; index < 500; index++)
            {
                string key = $"{caller}:{index}";
                EchoMode mode = (index % 3) switch { 0 => EchoMode.Inline, 1 => EchoMode.Deferred, _ => EchoMode.OtherThread };
                Assert.Equal(key, index % 7 == 0 ? echo.Call(mode, key) : await echo.CallAsync(mode, key));
            }
        })));
        Assert.Equal(strays, Tickets.Strays);
    }

    [Fact]
    public async Task a_panic_has_its_own_exception_with_its_message_and_leaves_the_client_usable()
    {
        await using var echo = new Echo();
        foreach (EchoMode mode in (EchoMode[])[EchoMode.PanicInline, EchoMode.PanicDeferred])
        {
            HoldfastException error = await Assert.ThrowsAsync<HoldfastException>(() => echo.CallAsync(mode, "k").AsTask());
            Assert.Equal(HoldfastErrorCode.Internal, error.Code);
            Assert.Contains("panic", error.Message, StringComparison.Ordinal);
            Assert.Throws<HoldfastException>(() => echo.Call(mode, "k"));
        }

        Assert.Equal("still here", await echo.CallAsync(EchoMode.Deferred, "still here"));
    }

    [Fact]
    public async Task a_synchronous_call_needs_no_thread_of_the_thread_pool()
    {
        await using var echo = new Echo();
        ThreadPool.GetMaxThreads(out int workers, out _);
        using var release = new ManualResetEventSlim();
        using var started = new CountdownEvent(workers > 512 ? Environment.ProcessorCount * 2 : workers);
        for (int index = 0; index < started.InitialCount; index++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    started.Signal();
                    release.Wait();
                },
                null);
        }

        string? reply = null;
        var caller = new Thread(() => reply = echo.Call(EchoMode.OtherThread, "alone"));
        caller.Start();
        Assert.True(caller.Join(TimeSpan.FromSeconds(30)));
        release.Set();
        started.Wait();
        Assert.Equal("alone", reply);
    }

    [Fact]
    public async Task a_task_that_is_awaited_twice_throws_instead_of_giving_the_reply_of_another()
    {
        await using var echo = new Echo();
        ValueTask<string> task = echo.CallAsync(EchoMode.Deferred, "once");
        Assert.Equal("once", await task);
#pragma warning disable CA2012 // the misuse is the point
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await task);
#pragma warning restore CA2012
    }
}
