using System.Diagnostics;
using System.Runtime.CompilerServices;
using Holdfast.Benchmarks.Loops;
using Holdfast.Benchmarks.Workload;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Benchmarks.Drivers;

/// <summary>
/// Throughput on one and on two threads, in turn. Beside Get: into a buffer, which leaves the garbage collector out;
/// the peer; and arithmetic, which shows what two threads can be at most on this machine at this moment.
/// </summary>
internal static class ThreadsDriver
{
    private const int Batch = 500;

    internal static void Run(Arguments arguments)
    {
        int rounds = arguments.Number("rounds", 15);
        var time = TimeSpan.FromMilliseconds(arguments.Number("ms", 300));
        int keyCount = arguments.Number("keys", 10_000);
        arguments.RequireNothingLeft();

        string[] keys = ProductKeys.ToAskFor(keyCount);
        using var pair = new CachePair();
        pair.Fill(keyCount, ProductKeys.Value(), new DistributedCacheEntryOptions());
        (string Name, Func<int, CallLoop> LoopFrom, string Bar)[] subjects =
        [
            ("arithmetic", start => new CallLoop<Computation>(new Computation(), keys, start), string.Empty),
            ("MemoryDistributedCache.Get",
                start => new CallLoop<GetCall<MemorySide>>(new(pair.Memory), keys, start), string.Empty),
            ("Holdfast TryGet to a buffer",
                start => new CallLoop<TryGetCall>(new(pair.Holdfast, new(4_096)), keys, start), string.Empty),
            ("Holdfast Get",
                start => new CallLoop<GetCall<HoldfastSide>>(new(pair.Holdfast), keys, start), ", bar ≥ 1.70×"),
        ];
        foreach ((_, Func<int, CallLoop> loopFrom, _) in subjects)
        {
            Turn.WarmUp(loopFrom(0));
        }

        var one = new double[subjects.Length, rounds];
        var two = new double[subjects.Length, rounds];
        for (int round = 0; round < rounds; round++)
        {
            for (int subject = 0; subject < subjects.Length; subject++)
            {
                one[subject, round] = CallsPerSecond(subjects[subject].LoopFrom, 1, keyCount, time);
                two[subject, round] = CallsPerSecond(subjects[subject].LoopFrom, 2, keyCount, time);
            }
        }

        Console.WriteLine(
            $"{keyCount:N0} keys, {ProductKeys.ValueLength} B values, {rounds} rounds of {time.TotalMilliseconds} ms each, "
            + $"{Environment.ProcessorCount} processors; million calls a second");
        for (int subject = 0; subject < subjects.Length; subject++)
        {
            Print(subjects[subject].Name, subjects[subject].Bar, RoundsOf(one, subject), RoundsOf(two, subject));
        }
    }

    private static double CallsPerSecond(Func<int, CallLoop> loopFrom, int threadCount, int keyCount, TimeSpan time)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var rates = new double[threadCount];
        var isOver = new StrongBox<bool>();
        using var start = new Barrier(threadCount + 1);
        var threads = new Thread[threadCount];
        for (int index = 0; index < threadCount; index++)
        {
            int thread = index;
            threads[thread] = new Thread(() =>
            {
                // Far apart in the keys: the threads read the same entries, but seldom at the same time.
                CallLoop loop = loopFrom(keyCount / threadCount * thread);
                start.SignalAndWait();
                rates[thread] = Calling(loop, isOver);
            });
            threads[thread].Start();
        }

        start.SignalAndWait();
        Thread.Sleep(time);
        Volatile.Write(ref isOver.Value, true);
        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        return rates.Sum();
    }

    private static double Calling(CallLoop loop, StrongBox<bool> isOver)
    {
        long calls = 0;
        long started = Stopwatch.GetTimestamp();
        while (!Volatile.Read(ref isOver.Value))
        {
            loop.Repeat(Batch);
            calls += Batch;
        }

        return calls / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static double[] RoundsOf(double[,] rates, int subject) =>
        [.. Enumerable.Range(0, rates.GetLength(1)).Select(round => rates[subject, round])];

    private static void Print(string name, string bar, double[] one, double[] two)
    {
        double single = new Spread(one).Median;
        double both = new Spread(two).Median;
        var ratios = new Spread(two.Zip(one, static (more, less) => more / less));
        Console.WriteLine(
            $"  {name,-28} 1 thread {single / 1e6,6:0.00}   2 threads {both / 1e6,6:0.00}   "
            + $"ratio of medians {both / single:0.00}×, rounds {ratios.Least:0.00} to {ratios.Most:0.00}{bar}");
    }
}
