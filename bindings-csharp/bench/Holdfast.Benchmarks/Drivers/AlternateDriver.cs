using System.Buffers;
using Holdfast.Benchmarks.Calls;
using Holdfast.Benchmarks.Loops;
using Holdfast.Benchmarks.Workload;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Benchmarks.Drivers;

/// <summary>
/// Calls beside their peers in short turns on one thread. What else the machine does meets both sides, so that the
/// ratio is steadier than either figure.
/// </summary>
internal static class AlternateDriver
{
    private static readonly string[] All = ["get", "get-async", "try-get", "set", "get-string", "echo"];

    internal static void Run(Arguments arguments)
    {
        int rounds = arguments.Number("rounds", 15);
        var time = TimeSpan.FromMilliseconds(arguments.Number("ms", 300));
        int keyCount = arguments.Number("keys", 10_000);
        string instanceName = arguments.Text("instance-name", string.Empty);
        DistributedCacheEntryOptions expiry = ExpiryNamed(arguments.Word("expiry", "none", "absolute", "sliding"));
        string[] names = arguments.Names(All);
        arguments.RequireNothingLeft();

        string[] keys = ProductKeys.ToAskFor(keyCount);
        byte[] value = ProductKeys.Value();
        using var pair = new CachePair(instanceName);
        using var echo = new EchoCalls();
        pair.Fill(keyCount, value, expiry);
        Console.WriteLine(
            $"{keyCount:N0} keys, {value.Length} B values, {rounds} rounds of {time.TotalMilliseconds} ms each; "
            + $"an array of {value.Length} B takes {BytesOfArray(value.Length)} B");
        foreach (string name in names is [] ? All : names)
        {
            Contest contest = name == "echo"
                ? OfEcho(echo, keys)
                : OfCaches(name, pair, keys, value, expiry);
            Hold(contest, rounds, time);
        }
    }

    private static Contest OfCaches(
        string name,
        CachePair pair,
        string[] keys,
        byte[] value,
        DistributedCacheEntryOptions expiry)
    {
        IBufferDistributedCache holdfast = pair.Holdfast;
        IDistributedCache memory = pair.Memory;
        var buffer = new ArrayBufferWriter<byte>(4_096);
        (CallLoop Subject, CallLoop Peer) loops = name switch
        {
            "get" => (Loop(new GetCall<HoldfastSide>(holdfast), keys), Loop(new GetCall<MemorySide>(memory), keys)),
            "get-async" => (
                Loop(new GetAsyncCall<HoldfastSide>(holdfast), keys), Loop(new GetAsyncCall<MemorySide>(memory), keys)),
            "try-get" => (Loop(new TryGetCall(holdfast, buffer), keys), Loop(new GetAndCopyCall(memory, buffer), keys)),
            "set" => (
                Loop(new SetCall<HoldfastSide>(holdfast, value, expiry), keys),
                Loop(new SetCall<MemorySide>(memory, value, expiry), keys)),
            _ => (
                Loop(new GetStringCall<HoldfastSide>(holdfast), keys),
                Loop(new GetStringCall<MemorySide>(memory), keys)),
        };
        return new Contest
        {
            Name = name,
            Subject = loops.Subject,
            SubjectName = "Holdfast",
            Peer = loops.Peer,
            PeerName = "MemoryDistributedCache",
            BarRatio = name == "get" ? 1.2 : null,
        };
    }

    private static Contest OfEcho(EchoCalls echo, string[] keys) => new()
    {
        Name = "echo",
        Subject = Loop(new InlineEchoCall(echo), keys),
        SubjectName = "inline echo",
        Peer = Loop(default(EmptyCall), keys),
        PeerName = "empty P/Invoke",
        BarNanoseconds = 100,
    };

    private static CallLoop<TCall> Loop<TCall>(TCall call, string[] keys)
        where TCall : struct, ICall => new(call, keys);

    private static void Hold(Contest contest, int rounds, TimeSpan time)
    {
        Turn.WarmUp(contest.Subject, contest.Peer);
        var subject = new Turn[rounds];
        var peer = new Turn[rounds];
        for (int round = 0; round < rounds; round++)
        {
            // Who begins changes, so that neither is always measured after the other.
            if (round % 2 == 0)
            {
                subject[round] = Turn.Of(contest.Subject, time);
                peer[round] = Turn.Of(contest.Peer, time);
            }
            else
            {
                peer[round] = Turn.Of(contest.Peer, time);
                subject[round] = Turn.Of(contest.Subject, time);
            }
        }

        Print(contest, subject, peer);
    }

    private static void Print(Contest contest, Turn[] subject, Turn[] peer)
    {
        Console.WriteLine($"\n{contest.Name}");
        Print(contest.SubjectName, subject);
        Print(contest.PeerName, peer);
        string bar = contest.BarRatio is { } most ? $"; bar ≤ {most:0.0}×" : string.Empty;
        PrintRatio("ratio of times", subject, peer, static turn => turn.Nanoseconds, bar);
        PrintRatio("ratio of CPU times", subject, peer, static turn => turn.CpuNanoseconds, bar);
        if (contest.BarNanoseconds is { } more)
        {
            double difference = Median(subject, static turn => turn.Nanoseconds) - Median(peer, static turn => turn.Nanoseconds);
            Console.WriteLine($"  {"difference of times",-24} {difference,8:0.0} ns   bar ≤ {more:0} ns");
        }
    }

    private static void Print(string side, Turn[] turns)
    {
        var time = new Spread(turns.Select(static turn => turn.Nanoseconds));
        Console.WriteLine(
            $"  {side,-24} {time.Median,8:0.0} ns   rounds {time.Least:0.0} to {time.Most:0.0}; "
            + $"CPU {Median(turns, static turn => turn.CpuNanoseconds):0.0} ns; "
            + $"allocated {Median(turns, static turn => turn.AllocatedBytes):0.#} B");
    }

    private static void PrintRatio(string name, Turn[] subject, Turn[] peer, Func<Turn, double> figure, string bar)
    {
        var rounds = new Spread(subject.Zip(peer, (one, other) => figure(one) / figure(other)));
        Console.WriteLine(
            $"  {name,-24} {Median(subject, figure) / Median(peer, figure),8:0.00}×   "
            + $"rounds {rounds.Least:0.00} to {rounds.Most:0.00}{bar}");
    }

    private static double Median(Turn[] turns, Func<Turn, double> figure) => new Spread(turns.Select(figure)).Median;

    private static DistributedCacheEntryOptions ExpiryNamed(string name) => name switch
    {
        "absolute" => new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromHours(1) },
        "sliding" => new() { SlidingExpiration = TimeSpan.FromMinutes(20) },
        _ => new(),
    };

    private static long BytesOfArray(int length)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        GC.KeepAlive(new byte[length]);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
