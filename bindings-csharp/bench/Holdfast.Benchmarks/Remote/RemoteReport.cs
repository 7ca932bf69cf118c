using System.Globalization;
using System.Text.Json;

namespace Holdfast.Benchmarks.Remote;

/// <summary>
/// The table, the figures of every turn, and the chart: <c>remote.md</c>, <c>remote.json</c>, <c>remote.svg</c>.
/// </summary>
internal static class RemoteReport
{
    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    internal static void Write(DirectoryInfo folder, RemoteConditions conditions, IReadOnlyList<RowResult> results)
    {
        Save("remote.md", Markdown(conditions, results));
        Save("remote.json", Json(conditions, results) + "\n");
        Save("remote.svg", RemoteChart.Svg(results));
        Console.WriteLine($"\nWritten: remote.md, remote.json and remote.svg in {folder.FullName}");

        void Save(string name, string text) => File.WriteAllText(Path.Combine(folder.FullName, name), text);
    }

    private static string Markdown(RemoteConditions conditions, IReadOnlyList<RowResult> results)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        text.Write("# Remote, beside Redis\n\n");
        text.Write("Written by `bindings-csharp/bench/remote-beside-redis`.\n\n");
        foreach (string contestant in conditions.Contestants)
        {
            text.Write($"- {contestant}\n");
        }

        text.Write(
            $"""

            On {conditions.Machine}.
            Rounds: {conditions.Rounds}, in each a turn of {conditions.SecondsPerTurn:0} s for either contestant. Medians of the
            rounds; ratios are Holdfast's median over Redis', in brackets the least and the greatest ratio of a round. Values
            of 100 B under 10,000 keys unless said otherwise; one client. CPU is the processor time of client + server for a
            call, allocated the managed memory that a call takes in the client.

            ![Throughput and processor time, Holdfast beside Redis](remote.svg)


            """);
        string[] columns =
        [
            "call", "in flight", "Holdfast /s", "Redis /s", "ratio", "Holdfast CPU", "Redis CPU", "ratio",
            "Holdfast p50, p99", "Redis p50, p99", "Holdfast, Redis allocated",
        ];
        text.Write($"| {string.Join(" | ", columns)} |\n|---{string.Concat(Enumerable.Repeat("|--:", columns.Length - 1))}|\n");
        foreach (RowResult row in results)
        {
            text.Write(Line(row));
        }

        text.Write(Latencies(conditions, results));
        text.Write("\n## Bars\n\n| call | in flight | what | bar | reached | |\n|---|--:|---|--:|--:|---|\n");
        foreach (RowResult row in results)
        {
            foreach (Bar bar in row.Row.Bars)
            {
                double reached = bar.Reached(row);
                text.Write(
                    $"| {row.Row.Title} | {row.Row.InFlight} | {bar.What} | {bar.Text} | {reached:0.##}{bar.Unit} | "
                    + $"{(bar.IsMet(reached) ? "met" : "**not met**")} |\n");
            }
        }

        return text.ToString();
    }

    private static string Line(RowResult row) =>
        $"| {row.Row.Title} | {row.Row.InFlight} "
        + $"| {row.Holdfast.Median(static turn => turn.PerSecond):N0} | {row.Redis.Median(static turn => turn.PerSecond):N0} "
        + $"| {row.Ratio(static turn => turn.PerSecond)} "
        + $"| {Cpu(row.Holdfast)} | {Cpu(row.Redis)} | {row.Ratio(static turn => turn.Cpu)} "
        + $"| {Times(row.Holdfast)} | {Times(row.Redis)} "
        + $"| {row.Holdfast.Median(static turn => turn.AllocatedBytes):N0}, "
        + $"{row.Redis.Median(static turn => turn.AllocatedBytes):N0} B |\n";

    private static string Cpu(SideResult side) =>
        $"{side.Median(static turn => turn.ClientCpu):0.0} + {side.Median(static turn => turn.ServerCpu):0.0} µs";

    private static string Times(SideResult side) =>
        $"{side.Median(static turn => turn.P50):0}, {side.Median(static turn => turn.P99):0} µs";

    /// <summary>The rows that compare with themselves alone.</summary>
    private static string Latencies(RemoteConditions conditions, IReadOnlyList<RowResult> results)
    {
        RowResult[] rows = [.. results.Where(static row => row.Row.IsBesideBigValues)];
        if (rows is [])
        {
            return string.Empty;
        }

        using var text = new StringWriter(CultureInfo.InvariantCulture);
        text.Write(
            $"""

            ## Small gets beside big values

            {conditions.BigValuesPerSecond} values of 1 MB in a second, got and set in turn through the same client.

            | call | contestant | p99 alone | p99 beside | | big values |
            |---|---|--:|--:|--:|--:|

            """);
        foreach (RowResult row in rows)
        {
            foreach ((string name, SideResult side) in new[] { ("Holdfast", row.Holdfast), ("Redis", row.Redis) })
            {
                text.Write(
                    $"| get, {row.Row.InFlight} in flight | {name} | {side.MedianAlone(static turn => turn.P99):0} µs "
                    + $"| {side.Median(static turn => turn.P99):0} µs | {side.BesideToAlone:0.00}× "
                    + $"| {side.Median(static turn => turn.FlowPerSecond) / 1e6:0} MB/s |\n");
            }
        }

        return text.ToString();
    }

    private static string Json(RemoteConditions conditions, IReadOnlyList<RowResult> results) => JsonSerializer.Serialize(
        new
        {
            Conditions = conditions,
            Rows = results.Select(static row => new
            {
                row.Row.Name,
                row.Row.InFlight,
                row.Row.ValueLength,
                Ratios = new
                {
                    Throughput = row.Ratio(static turn => turn.PerSecond).OfMedians,
                    Cpu = row.Ratio(static turn => turn.Cpu).OfMedians,
                    P50 = row.Ratio(static turn => turn.P50).OfMedians,
                    P99 = row.Ratio(static turn => turn.P99).OfMedians,
                },
                Bars = row.Row.Bars.Select(bar => new
                {
                    bar.What,
                    Bar = bar.Text,
                    Reached = bar.Reached(row),
                    IsMet = bar.IsMet(bar.Reached(row)),
                }),
                row.Holdfast,
                row.Redis,
            }),
        },
        Indented);
}
