using System.Diagnostics;
using Holdfast.Benchmarks.Workload;

namespace Holdfast.Benchmarks.Remote;

/// <summary>What the calls of one turn came to.</summary>
/// <param name="PerSecond">Calls in a second.</param>
/// <param name="ClientCpu">Microseconds of this process' processor time for a call.</param>
/// <param name="ServerCpu">Microseconds of the server's processor time for a call.</param>
/// <param name="AllocatedBytes">Managed memory that a call took here.</param>
/// <param name="P50">Microseconds that half of the calls did not exceed.</param>
/// <param name="P99">Microseconds that 99 % of the calls did not exceed.</param>
/// <param name="FlowPerSecond">Bytes of big values that flowed beside them in a second.</param>
internal sealed record RemoteTurn(
    double PerSecond,
    double ClientCpu,
    double ServerCpu,
    double AllocatedBytes,
    double P50,
    double P99,
    double FlowPerSecond)
{
    /// <summary>Microseconds of processor time for a call, both processes together.</summary>
    public double Cpu => ClientCpu + ServerCpu;

    /// <summary>Makes calls for a time, so many in flight together, and big values beside them if there is a flow.</summary>
    internal static RemoteTurn Of(RemoteLoop loop, int inFlight, TimeSpan time, ServerCpu server, BigValueFlow? flow)
    {
        LatencyHistogram[] latencies = [.. Enumerable.Range(0, inFlight).Select(static _ => new LatencyHistogram())];
        var end = new TurnEnd();

        // The garbage of the turn before is not this one's.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        TimeSpan serverCpu = server.Read();
        TimeSpan clientCpu = Environment.CpuUsage.TotalTime;
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        long began = Stopwatch.GetTimestamp();
        Task<long> flowed = flow?.RunAsync(end) ?? Task.FromResult(0L);
        Task[] tasks =
        [
            .. latencies.Select((mine, index) =>
                Task.Run(() => loop.WorkAsync(end, (int)((long)index * loop.KeyCount / inFlight), mine))),
        ];

        // On a thread that is not the pool's: a pool that is busy with the calls would be late to end them.
        Thread.Sleep(time);
        end.Reach();
        Task.WhenAll(tasks).GetAwaiter().GetResult();
        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        double bytes = flowed.GetAwaiter().GetResult();

        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        clientCpu = Environment.CpuUsage.TotalTime - clientCpu;
        serverCpu = server.Read() - serverCpu;
        var all = new LatencyHistogram();
        foreach (LatencyHistogram mine in latencies)
        {
            all.Add(mine);
        }

        return new RemoteTurn(
            all.Count / seconds,
            clientCpu.TotalMicroseconds / all.Count,
            serverCpu.TotalMicroseconds / all.Count,
            (double)allocated / all.Count,
            all.Microseconds(0.5),
            all.Microseconds(0.99),
            bytes / seconds);
    }

    /// <summary>Makes calls until their code is compiled for good, as <see cref="Drivers.Turn.WarmUp"/> does.</summary>
    internal static void WarmUp(RemoteLoop loop, int inFlight, TimeSpan time, ServerCpu server, BigValueFlow? flow)
    {
        for (int pass = 0; pass < 4; pass++)
        {
            _ = Of(loop, inFlight, time / 4, server, flow);
            Thread.Sleep(150);
        }
    }
}
