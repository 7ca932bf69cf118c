using System.Buffers.Binary;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class ConcurrencyTests
{
    [Fact]
    public async Task Many_threads_read_only_whole_values_that_were_written_under_their_key()
    {
        await using var test = new CacheUnderTest(options => options.MaxMemory = "2MiB");
        var options = new DistributedCacheEntryOptions { SlidingExpiration = TimeSpan.FromMinutes(1) };

        await Task.WhenAll(Enumerable.Range(0, 16).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (var round = 0; round < 2_000; round++)
            {
                var number = random.Next(200);
                var key = $"key:{number}";
                switch (random.Next(4))
                {
                    case 0: await test.Cache.SetAsync(key, Value(number, random.Next(4, 6_000)), options); break;
                    case 1: test.Cache.Set(key, Value(number, random.Next(4, 6_000)), options); break;
                    case 2: test.Cache.Remove(key); break;
                    default: Check(number, round % 2 == 0 ? test.Cache.Get(key) : await test.Cache.GetAsync(key)); break;
                }
            }
        })));
    }

    [Fact]
    public async Task Many_threads_make_one_cache_open_its_store_once()
    {
        for (var round = 0; round < 20; round++)
        {
            await using var test = new CacheUnderTest();
            await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(() => test.Cache.Set($"key:{worker}", [1], new()))));
            for (var worker = 0; worker < 8; worker++)
            {
                Assert.NotNull(test.Cache.Get($"key:{worker}"));
            }
        }
    }

    [Fact]
    public async Task Threads_that_use_a_cache_while_it_is_disposed_see_it_work_or_disposed()
    {
        for (var round = 0; round < 10; round++)
        {
            await using var test = new CacheUnderTest();
            test.Cache.Set("key", Value(7, 100), new());
            using var started = new CountdownEvent(64);
            var users = Enumerable.Range(0, 64)
                .Select(worker => Task.Factory.StartNew(() => UseUntilDisposed(test.Buffers, worker, started), TaskCreationOptions.LongRunning).Unwrap())
                .ToArray();
            started.Wait();
            await test.DisposeAsync();
            await Task.WhenAll(users);
        }
    }

    private static async Task UseUntilDisposed(IBufferDistributedCache cache, int worker, CountdownEvent started)
    {
        var isCounted = false;
        try
        {
            while (true)
            {
                Check(7, worker % 2 == 0 ? cache.Get("key") : await cache.GetAsync("key"));
                await cache.SetAsync("key", Value(7, 50 + worker), new DistributedCacheEntryOptions());
                cache.Refresh("key");
                if (!isCounted)
                {
                    started.Signal();
                    isCounted = true;
                }
            }
        }
        catch (ObjectDisposedException)
        {
            // The end.
        }
    }

    private static byte[] Value(int number, int size)
    {
        var value = new byte[size];
        BinaryPrimitives.WriteInt32LittleEndian(value, number);
        value.AsSpan(4).Fill((byte)size);
        return value;
    }

    private static void Check(int number, byte[]? value)
    {
        if (value is not null)
        {
            Assert.Equal(number, BinaryPrimitives.ReadInt32LittleEndian(value));
            Assert.False(value.AsSpan(4).ContainsAnyExcept((byte)value.Length));
        }
    }
}
