using System.Diagnostics;
using Holdfast.Benchmarks.Loops;

namespace Holdfast.Benchmarks.Drivers;

/// <summary>
/// What one kind of call took in one turn: time, the process's processor time (that of its garbage collector
/// included), and managed memory. Processor time leaves out what other processes take away.
/// </summary>
internal readonly record struct Turn(double Nanoseconds, double CpuNanoseconds, double AllocatedBytes)
{
    private const int Batch = 1_000;

    /// <summary>Makes calls on this thread for a time.</summary>
    internal static Turn Of(CallLoop loop, TimeSpan time)
    {
        // The garbage of the turn before is not this one's.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long calls = 0;
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        long started = Stopwatch.GetTimestamp();
        TimeSpan elapsed;
        do
        {
            loop.Repeat(Batch);
            calls += Batch;
            elapsed = Stopwatch.GetElapsedTime(started);
        }
        while (elapsed < time);

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        cpu = Environment.CpuUsage.TotalTime - cpu;
        return new Turn(elapsed.TotalNanoseconds / calls, cpu.TotalNanoseconds / calls, (double)allocated / calls);
    }

    /// <summary>
    /// Makes calls until their code is compiled for good: it is instrumented after the first calls, and compiled again
    /// in the background when the process has been without new code for a moment.
    /// </summary>
    internal static void WarmUp(params ReadOnlySpan<CallLoop> loops)
    {
        for (int pass = 0; pass < 4; pass++)
        {
            foreach (CallLoop loop in loops)
            {
                _ = Of(loop, TimeSpan.FromMilliseconds(150));
                Thread.Sleep(150);
            }
        }
    }
}
