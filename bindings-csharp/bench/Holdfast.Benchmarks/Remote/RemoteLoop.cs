using System.Diagnostics;
using Holdfast.Benchmarks.Workload;

namespace Holdfast.Benchmarks.Remote;

/// <summary>What one of the tasks does that are in flight together: one call after the other, until the turn is over.</summary>
internal abstract class RemoteLoop(string[] keys)
{
    /// <summary>Makes calls, beginning with a key of its own, and adds the time of each.</summary>
    internal abstract Task WorkAsync(TurnEnd end, int start, LatencyHistogram latencies);

    /// <summary>How many keys are asked for in turn.</summary>
    internal int KeyCount => keys.Length;

    private protected string this[int index] => keys[index];

    private protected int After(int index) => index + 1 == keys.Length ? 0 : index + 1;
}

/// <summary>The loop around one kind of call, compiled for it alone.</summary>
internal sealed class RemoteLoop<TCall, TResult>(TCall call, string[] keys) : RemoteLoop(keys)
    where TCall : struct, IRemoteCall<TResult>
{
    internal override async Task WorkAsync(TurnEnd end, int start, LatencyHistogram latencies)
    {
        for (int next = start; !end.IsReached; next = After(next))
        {
            string key = this[next];
            long began = Stopwatch.GetTimestamp();
            call.Check(await call.MakeAsync(key).ConfigureAwait(false), key);
            latencies.Add(Stopwatch.GetTimestamp() - began);
        }
    }
}

/// <summary>The loop around one kind of call that has no result.</summary>
internal sealed class RemoteChangeLoop<TChange>(TChange change, string[] keys) : RemoteLoop(keys)
    where TChange : struct, IRemoteChange
{
    internal override async Task WorkAsync(TurnEnd end, int start, LatencyHistogram latencies)
    {
        for (int next = start; !end.IsReached; next = After(next))
        {
            long began = Stopwatch.GetTimestamp();
            await change.MakeAsync(this[next]).ConfigureAwait(false);
            latencies.Add(Stopwatch.GetTimestamp() - began);
        }
    }
}

/// <summary>Tells the tasks of a turn that it is over.</summary>
internal sealed class TurnEnd
{
    private volatile bool _isReached;

    internal bool IsReached => _isReached;

    internal void Reach() => _isReached = true;
}
