namespace Holdfast.Benchmarks.Drivers;

/// <summary>What the gets of one store took in one phase, in microseconds.</summary>
internal readonly record struct LatencyFigures(
    int Gets,
    double P50,
    double P99,
    double Longest,
    double P99SinceDue,
    double LongestSinceDue);
