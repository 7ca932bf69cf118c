namespace Holdfast.Tests.Observed;

[Collection(Alone.Name)]
public class AllocationTests
{
    private const int Calls = 20_000;

    [Fact]
    public async Task a_get_of_100_bytes_allocates_little_more_than_their_array()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node);
        client.Put("key", new byte[100]);
        Assert.InRange(await PerCallAsync(() => client.GetAsync<byte[]>("key")), 128, 140);
    }

    [Fact]
    public async Task a_put_allocates_next_to_nothing()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node);
        byte[] value = new byte[100];
        Assert.InRange(await PerCallAsync(() => client.PutAsync("key", value)), 0, 12);
    }

    [Fact]
    public async Task a_synchronous_get_allocates_no_more()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node);
        client.Put("key", new byte[100]);
        Assert.InRange(await PerCallAsync(() => ValueTask.FromResult(client.Get<byte[]>("key"))), 128, 140);
    }

    private static async Task<double> PerCallAsync<T>(Func<ValueTask<T>> call)
    {
        async Task<long> AllocatedAsync()
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int index = 0; index < Calls; index++)
            {
                await call();
            }

            return GC.GetTotalAllocatedBytes(precise: true) - before;
        }

        // On the thread pool: the test's own synchronization context allocates.
        await Task.Run(AllocatedAsync);
        return await Task.Run(AllocatedAsync) / (double)Calls;
    }
}
