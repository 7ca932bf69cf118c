using Holdfast.Interop;

namespace Holdfast.Tests.Boundary;

[Collection(Alone.Name)]
public class CloseTests
{
    [Fact]
    public async Task calls_in_flight_at_close_and_calls_after_it_are_told_that_the_client_is_disposed()
    {
        var echo = new Echo();
        Task<string>[] held = [.. Enumerable.Range(0, 100).Select(index => echo.CallAsync(EchoMode.Hold, $"{index}").AsTask())];
        await echo.DisposeAsync();
        foreach (Task<string> call in held)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => call);
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => echo.CallAsync(EchoMode.Inline, "k").AsTask());
        Assert.Throws<ObjectDisposedException>(() => echo.Call(EchoMode.Deferred, "k"));
        await echo.DisposeAsync();
    }

    [Fact]
    public async Task a_client_without_calls_closes()
    {
        var echo = new Echo();
        await echo.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task clients_that_close_in_a_loop_under_64_callers_end_every_call_once()
    {
        long strays = Tickets.Strays;
        var current = new Echo();
        using var stop = new CancellationTokenSource();
        long answered = 0;
        Task[] callers = [.. Enumerable.Range(0, 64).Select(caller => Task.Run(async () =>
        {
            for (int index = 0; !stop.IsCancellationRequested; index++)
            {
                Echo echo = Volatile.Read(ref current);
                string key = $"{caller}:{index}";
                try
                {
                    // A caller of four holds on until the close; the others go on being answered.
                    EchoMode mode = caller % 4 == 0 ? EchoMode.Hold
                        : (index % 3) switch { 0 => EchoMode.Inline, 1 => EchoMode.Deferred, _ => EchoMode.OtherThread };
                    Assert.Equal(key, await echo.CallAsync(mode, key));
                    Interlocked.Increment(ref answered);
                }
                catch (ObjectDisposedException)
                {
                    // expected of a client that closes under its callers
                }
            }
        }))];

        for (int round = 0; round < 200; round++)
        {
            long before = Volatile.Read(ref answered);
            await Eventually.IsTrueAsync(() => Volatile.Read(ref answered) > before, "a call is answered");
            Echo old = Interlocked.Exchange(ref current, new Echo());
            await old.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        }

        await stop.CancelAsync();
        await current.DisposeAsync();
        await Task.WhenAll(callers).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(strays, Tickets.Strays);
    }

    [Fact]
    public async Task a_client_that_nobody_disposes_is_closed_by_the_garbage_collector()
    {
        Task closed = Abandon();
        for (int round = 0; round < 100 && !closed.IsCompleted; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Yield();
        }

        await closed.WaitAsync(TimeSpan.FromSeconds(30));

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static Task Abandon() => new Echo().Native.Closed;
    }
}
