using Holdfast.Benchmarks.Workload;

namespace Holdfast.Benchmarks.Remote;

/// <summary>Holds rows with the contestants in turn, and prints each as soon as it is there.</summary>
internal sealed class RemoteContest(IReadOnlyList<RemoteSide> sides, int rounds, TimeSpan time, int flowPerSecond)
{
    /// <summary>Measures a row; gives its result if both contestants took part.</summary>
    internal RowResult? Hold(RemoteRow row)
    {
        string prefix = $"{row.Call switch
        {
            RemoteCallKind.CacheGet or RemoteCallKind.CacheSet => "cache",
            _ when row.ValueLength > 1_000 => "page",
            _ => "product",
        }}:";
        Entrant[] entrants = [.. sides.Select(side => EntrantOf(side, row, prefix))];
        foreach (Entrant entrant in entrants)
        {
            RemoteTurn.WarmUp(entrant.Loop, row.InFlight, time, entrant.Side.Server, entrant.Flow);
        }

        for (int round = 0; round < rounds; round++)
        {
            // Who begins changes, so that neither is always measured after the other.
            foreach (Entrant entrant in round % 2 == 0 ? entrants : entrants.Reverse())
            {
                if (row.IsBesideBigValues)
                {
                    entrant.Alone.Add(RemoteTurn.Of(entrant.Loop, row.InFlight, time, entrant.Side.Server, null));
                }

                entrant.Turns.Add(RemoteTurn.Of(entrant.Loop, row.InFlight, time, entrant.Side.Server, entrant.Flow));
            }
        }

        Console.WriteLine($"\n{row.Name}: {row.Label}");
        foreach (Entrant entrant in entrants)
        {
            Print(entrant);
        }

        return entrants is [var holdfast, var redis]
            ? Compared(new RowResult(row, new(holdfast.Turns, holdfast.Alone), new(redis.Turns, redis.Alone)))
            : null;
    }

    private Entrant EntrantOf(RemoteSide side, RemoteRow row, string prefix)
    {
        string[] keys = [.. ProductKeys.ToAskFor(row.KeyCount).Select(key => prefix + key)];
        byte[] value = ProductKeys.Value(row.ValueLength);
        bool isCache = row.Call is RemoteCallKind.CacheGet or RemoteCallKind.CacheSet;
        FillAsync().GetAwaiter().GetResult();

        BigValueFlow? flow = row.IsBesideBigValues ? new(side, flowPerSecond) : null;
        flow?.FillAsync().GetAwaiter().GetResult();
        RemoteLoop loop = row.Call switch
        {
            RemoteCallKind.Get => side.Gets(keys),
            RemoteCallKind.Set => side.Sets(keys, value),
            RemoteCallKind.CacheGet => side.CacheGets(keys),
            _ => side.CacheSets(keys, value),
        };
        return new Entrant(side, loop, flow);

        async Task FillAsync()
        {
            foreach (string key in keys)
            {
                await (isCache ? side.CacheSetAsync(key, value) : side.SetAsync(key, value));
            }
        }
    }

    private static void Print(Entrant entrant)
    {
        var result = new SideResult(entrant.Turns, entrant.Alone);
        if (entrant.Alone.Count > 0)
        {
            Print(entrant.Side.Name + " alone", new SideResult(entrant.Alone, []));
        }

        Print(entrant.Side.Name, result);
        if (entrant.Alone.Count > 0)
        {
            Console.WriteLine(
                $"  {string.Empty,-16} p99 beside {result.Median(static turn => turn.FlowPerSecond) / 1e6:0} MB/s of big values: "
                + $"{result.BesideToAlone:0.00}× that alone");
        }
    }

    private static void Print(string name, SideResult result)
    {
        var perSecond = new Spread(result.Turns.Select(static turn => turn.PerSecond));
        Console.WriteLine(
            $"  {name,-16} {perSecond.Median,9:N0}/s ({perSecond.Least:N0} to {perSecond.Most:N0}); "
            + $"CPU {Median(static turn => turn.Cpu):0.00} µs "
            + $"(client {Median(static turn => turn.ClientCpu):0.00}, server {Median(static turn => turn.ServerCpu):0.00}); "
            + $"p50 {Median(static turn => turn.P50):0.0} µs, p99 {Median(static turn => turn.P99):0.0} µs; "
            + $"allocated {Median(static turn => turn.AllocatedBytes):0} B");

        double Median(Func<RemoteTurn, double> figure) => result.Median(figure);
    }

    private static RowResult Compared(RowResult result)
    {
        Console.WriteLine(
            $"  {"Holdfast / Redis",-16} throughput {result.Ratio(static turn => turn.PerSecond)}, "
            + $"CPU {result.Ratio(static turn => turn.Cpu)}, p50 {result.Ratio(static turn => turn.P50)}, "
            + $"p99 {result.Ratio(static turn => turn.P99)}");
        foreach (Bar bar in result.Row.Bars)
        {
            double reached = bar.Reached(result);
            string verdict = bar.IsMet(reached) ? "met" : "not met";
            Console.WriteLine($"  bar: {bar.What} {bar.Text}: {reached:0.00}{bar.Unit}, {verdict}");
        }

        return result;
    }

    /// <summary>A contestant of a row, and what its rounds gave so far.</summary>
    private sealed record Entrant(RemoteSide Side, RemoteLoop Loop, BigValueFlow? Flow)
    {
        internal List<RemoteTurn> Turns { get; } = [];

        internal List<RemoteTurn> Alone { get; } = [];
    }
}
