using System.Collections.Concurrent;

namespace Holdfast.Interop;

/// <summary>
/// Calls whose replies came, on their way from the native thread to the thread pool: one work item for all that a
/// callback brought, since one for each would wake a worker for each. The item takes a call, has a copy of itself
/// scheduled if there are more, and only then runs what waits for the call: a continuation that blocks holds up its
/// own worker and no other call.
/// </summary>
internal sealed class CompletedCalls : IThreadPoolWorkItem
{
    /// <summary>Calls that one item runs; then other work of the thread pool has its turn.</summary>
    internal const int MostPerItem = 64;

    /// <summary>The same for continuations that take their time.</summary>
    private const long MostMilliseconds = 15;

    private readonly ConcurrentQueue<IThreadPoolWorkItem> _calls = new();
    private int _isScheduled;

    /// <summary>Those of the process.</summary>
    internal static CompletedCalls All { get; } = new();

    /// <summary>Adds a call, which waits for the next <see cref="Publish"/>.</summary>
    internal void Add(IThreadPoolWorkItem call) => _calls.Enqueue(call);

    /// <summary>Gives what was added to the thread pool.</summary>
    internal void Publish()
    {
        if (!_calls.IsEmpty)
        {
            Schedule();
        }
    }

    /// <summary>
    /// Every item that starts on calls takes one and schedules the next for the rest, and whoever adds schedules too:
    /// so no call depends on the item before it coming back.
    /// </summary>
    void IThreadPoolWorkItem.Execute()
    {
        // Before looking for calls: what is added after the look has an item of its own.
        Interlocked.Exchange(ref _isScheduled, 0);
        if (!_calls.TryDequeue(out IThreadPoolWorkItem? call))
        {
            return;
        }

        Publish();
        var own = ExecutionContext.Capture();
        long started = Environment.TickCount64;
        int left = MostPerItem;
        while (true)
        {
            call.Execute();
            Forget(own);
            if (--left == 0 || Environment.TickCount64 - started >= MostMilliseconds)
            {
                Publish();
                return;
            }

            if (!_calls.TryDequeue(out call))
            {
                return;
            }
        }
    }

    /// <summary>As the thread pool does between its items: what one continuation leaves on the thread is not the next one's.</summary>
    private static void Forget(ExecutionContext? own)
    {
        if (own is not null)
        {
            ExecutionContext.Restore(own);
        }

        if (SynchronizationContext.Current is not null)
        {
            SynchronizationContext.SetSynchronizationContext(null);
        }
    }

    private void Schedule()
    {
        if (Interlocked.Exchange(ref _isScheduled, 1) != 0)
        {
            return;
        }

        bool isQueued = false;
        try
        {
            isQueued = ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        finally
        {
            if (!isQueued)
            {
                Volatile.Write(ref _isScheduled, 0); // out of memory: the next callback tries again
            }
        }
    }
}
