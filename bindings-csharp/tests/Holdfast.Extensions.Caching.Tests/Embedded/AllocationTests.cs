using System.Buffers;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests.Embedded;

[Collection(nameof(AloneInTheProcess))]
public sealed class AllocationTests : CacheTest
{
    private const int Rounds = 1_000;

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(4_000)]
    [InlineData(20_000)]
    public void Get_allocates_the_callers_array_and_nothing_else(int size)
    {
        Test.Cache.Set("product:1", new byte[size], new() { SlidingExpiration = TimeSpan.FromMinutes(1) });

        var bare = AllocatedBy(() => GC.KeepAlive(size == 0 ? null : new byte[size]));
        Assert.Equal(bare, AllocatedBy(() => GC.KeepAlive(Test.Cache.Get("product:1"))));
    }

    [Fact]
    public void A_miss_allocates_nothing() =>
        Assert.Equal(0, AllocatedBy(() => GC.KeepAlive(Test.Cache.Get("product:missing"))));

    [Fact]
    public void TryGet_into_a_writer_with_room_allocates_nothing()
    {
        Test.Cache.Set("product:1", new byte[1_000], new());
        var writer = new ArrayBufferWriter<byte>(4_096);

        Assert.Equal(0, AllocatedBy(() =>
        {
            writer.ResetWrittenCount();
            Test.Buffers.TryGet("product:1", writer);
        }));
    }

    [Fact]
    public void Set_refresh_and_remove_allocate_nothing_on_the_managed_heap()
    {
        var value = new byte[100];
        var options = new DistributedCacheEntryOptions
        {
            SlidingExpiration = TimeSpan.FromMinutes(1),
            AbsoluteExpiration = Test.Now.AddHours(1),
        };

        Assert.Equal(0, AllocatedBy(() =>
        {
            Test.Cache.Set("product:1", value, options);
            Test.Buffers.Set("product:1", new ReadOnlySequence<byte>(value), options);
            Test.Cache.Refresh("product:1");
            Test.Cache.Remove("product:1");
        }));
    }

    [Fact]
    public void Buffer_methods_that_complete_at_once_allocate_nothing()
    {
        var value = new byte[100];
        var options = new DistributedCacheEntryOptions();
        var writer = new ArrayBufferWriter<byte>(4_096);

        Assert.Equal(0, AllocatedBy(() =>
        {
            writer.ResetWrittenCount();
            var set = Test.Buffers.SetAsync("product:1", new ReadOnlySequence<byte>(value), options);
            Assert.True(set.IsCompletedSuccessfully);
            var got = Test.Buffers.TryGetAsync("product:1", writer);
            Assert.True(got.IsCompletedSuccessfully);
        }));
    }

    private protected override void Configure(HoldfastCacheOptions options) => options.InstanceName = "shop:";

    private static long AllocatedBy(Action action)
    {
        for (var warm = 0; warm < 50; warm++)
        {
            action();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < Rounds; round++)
        {
            action();
        }

        return (GC.GetAllocatedBytesForCurrentThread() - before) / Rounds;
    }
}
