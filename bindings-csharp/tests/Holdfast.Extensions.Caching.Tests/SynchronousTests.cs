using System.Buffers;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests;

[Collection(nameof(AloneInTheProcess))]
public sealed class SynchronousTests
{
    [Fact]
    public async Task Synchronous_methods_need_no_thread_of_the_thread_pool()
    {
        await using var test = new CacheUnderTest();
        Task probe;
        using (new StarvedThreadPool())
        {
            probe = Task.Run(static () => { });
            // On a thread of its own, so that a method that does wait for the pool fails the test and not the run.
            Exception? failure = null;
            var caller = new Thread(() => failure = Record.Exception(() => UseEachMethod(test.Buffers)));
            caller.Start();

            Assert.True(caller.Join(TimeSpan.FromSeconds(30)), "A synchronous method waits for the thread pool.");
            Assert.Null(failure);
            Assert.False(probe.IsCompleted, "The thread pool was not starved.");
        }

        await probe;
    }

    private static void UseEachMethod(IBufferDistributedCache cache)
    {
        var options = new DistributedCacheEntryOptions { SlidingExpiration = TimeSpan.FromMinutes(1) };
        cache.Set("key", [1], options);
        cache.Set("key", new ReadOnlySequence<byte>(new byte[300_000]), options);
        cache.Refresh("key");
        Assert.Equal(300_000, cache.Get("key")!.Length);
        Assert.True(cache.TryGet("key", new ArrayBufferWriter<byte>()));
        cache.Remove("key");
        Assert.Null(cache.Get("key"));
    }

    /// <summary>Holds every thread that the pool may have, and more work is waiting.</summary>
    private sealed class StarvedThreadPool : IDisposable
    {
        private readonly ManualResetEventSlim _release = new();
        private readonly int _mostThreads;
        private readonly int _mostPorts;
        private readonly int _leastThreads;
        private readonly int _leastPorts;

        internal StarvedThreadPool()
        {
            ThreadPool.GetMaxThreads(out _mostThreads, out _mostPorts);
            ThreadPool.GetMinThreads(out _leastThreads, out _leastPorts);
            var count = Math.Max(Math.Max(_leastThreads, Environment.ProcessorCount), ThreadPool.ThreadCount) + 2;
            Assert.True(ThreadPool.SetMaxThreads(count, _mostPorts));
            Assert.True(ThreadPool.SetMinThreads(count, _leastPorts));
            for (var index = 0; index < count * 2; index++)
            {
                ThreadPool.UnsafeQueueUserWorkItem(_ => _release.Wait(), null);
            }

            Assert.True(SpinWait.SpinUntil(
                () => ThreadPool.ThreadCount >= count && ThreadPool.PendingWorkItemCount >= count,
                TimeSpan.FromSeconds(30)));
        }

        public void Dispose()
        {
            ThreadPool.SetMinThreads(_leastThreads, _leastPorts);
            ThreadPool.SetMaxThreads(_mostThreads, _mostPorts);
            _release.Set();
        }
    }
}
