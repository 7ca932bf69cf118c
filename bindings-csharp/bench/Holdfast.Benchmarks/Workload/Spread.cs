namespace Holdfast.Benchmarks.Workload;

/// <summary>Median and extremes of what the rounds gave.</summary>
internal readonly struct Spread
{
    internal Spread(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        Median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        Least = sorted[0];
        Most = sorted[^1];
    }

    internal double Median { get; }

    internal double Least { get; }

    internal double Most { get; }
}
