namespace Holdfast.Benchmarks.Remote;

/// <summary>What a row is to reach.</summary>
/// <param name="What">The figure in words.</param>
/// <param name="Text">The limit in words.</param>
/// <param name="Unit">What stands after the figure.</param>
/// <param name="Reached">The figure.</param>
/// <param name="IsMet">Whether it is good enough.</param>
internal sealed record Bar(string What, string Text, string Unit, Func<RowResult, double> Reached, Predicate<double> IsMet)
{
    internal static Bar Throughput(double least) => new(
        "throughput, times Redis'",
        $"≥ {least:0.0}×",
        "×",
        static row => row.Ratio(static turn => turn.PerSecond).OfMedians,
        reached => reached >= least);

    internal static Bar Cpu(double most) => AtMost(
        "processor time of client and server for a call, times Redis'",
        most,
        static row => row.Ratio(static turn => turn.Cpu).OfMedians);

    internal static Bar Latency(double most) => AtMost(
        "p50, times Redis'",
        most,
        static row => row.Ratio(static turn => turn.P50).OfMedians);

    internal static Bar BesideBigValues(double most) => AtMost(
        "p99 beside 1 MB values, times that alone",
        most,
        static row => row.Holdfast.BesideToAlone);

    internal static Bar Allocation(double mostBytes) => new(
        "managed memory for a call",
        $"≤ {mostBytes:0} B",
        " B",
        static row => row.Holdfast.Median(static turn => turn.AllocatedBytes),
        reached => reached <= mostBytes);

    private static Bar AtMost(string what, double most, Func<RowResult, double> reached) =>
        new(what, $"≤ {most:0.0}×", "×", reached, figure => figure <= most);
}
