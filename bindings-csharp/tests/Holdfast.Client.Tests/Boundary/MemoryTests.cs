using System.Runtime.CompilerServices;
using Holdfast.Interop;

namespace Holdfast.Tests.Boundary;

[Collection(Alone.Name)]
public class MemoryTests
{
    [Fact]
    public async Task a_million_calls_that_nobody_awaits_leave_native_and_managed_memory_flat()
    {
        await using var echo = new Echo();
        using var source = new CancellationTokenSource();
        await UnawaitedAsync(echo, 100_000, source.Token);
        (long managed, long resident, long tickets) = Settle();
        await UnawaitedAsync(echo, 1_000_000, source.Token);
        (long managedAfter, long residentAfter, long ticketsAfter) = Settle();

        Assert.InRange(managedAfter - managed, long.MinValue, 8 << 20);
        Assert.InRange(residentAfter - resident, long.MinValue, 64 << 20);
        Assert.InRange(ticketsAfter, 0, tickets + 5_000);
    }

    [Fact]
    public async Task a_call_that_pends_and_is_awaited_allocates_at_most_its_data()
    {
        await using var echo = new Echo();
        async Task<long> AllocatedAsync(int calls)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int index = 0; index < calls; index++)
            {
                await echo.CountAsync(EchoMode.Deferred, index);
            }

            return GC.GetTotalAllocatedBytes(precise: true) - before;
        }

        // On the thread pool: the test's own synchronization context allocates.
        await Task.Run(() => AllocatedAsync(50_000));
        double perCall = await Task.Run(() => AllocatedAsync(50_000)) / 50_000.0;
        Assert.InRange(perCall, 0, 40); // a copy of the one byte that is echoed, when the reply outruns its waiter
    }

    [Fact]
    public async Task a_hit_allocates_the_callers_array_and_a_put_nothing()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        byte[] value = new byte[100];
        long puts = 0;
        long gets = 0;
        for (int round = 0; round < 3; round++)
        {
            puts = PerCall(() => client.Put("key", value));
            gets = PerCall(() => client.Get<byte[]>("key"));
        }

        Assert.Equal(0, puts);
        Assert.Equal(128, gets); // the array of 100 bytes

        [MethodImpl(MethodImplOptions.NoInlining)]
        static long PerCall(Action call)
        {
            call();
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int index = 0; index < 1_000; index++)
            {
                call();
            }

            return (GC.GetAllocatedBytesForCurrentThread() - before) / 1_000;
        }
    }

    private static async Task UnawaitedAsync(Echo echo, int calls, CancellationToken token)
    {
        for (int done = 0; done < calls; done += 1_000)
        {
            for (int index = 0; index < 1_000; index++)
            {
#pragma warning disable CA2012 // that nobody awaits is the point
                _ = echo.CallAsync(EchoMode.Deferred, "some key of a call that nobody awaits", token);
#pragma warning restore CA2012
            }

            // Completions come in order: when this one is here, those before are too.
            await echo.CountAsync(EchoMode.Deferred, done);
        }
    }

    private static (long Managed, long Resident, long Tickets) Settle()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return (GC.GetTotalMemory(forceFullCollection: true), Environment.WorkingSet, Tickets.Made);
    }
}
