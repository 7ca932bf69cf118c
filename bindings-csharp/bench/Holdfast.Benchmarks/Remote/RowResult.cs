using Holdfast.Benchmarks.Workload;

namespace Holdfast.Benchmarks.Remote;

/// <summary>What all rounds of a row gave.</summary>
internal sealed record RowResult(RemoteRow Row, SideResult Holdfast, SideResult Redis)
{
    /// <summary>Holdfast's figure in times of Redis' figure.</summary>
    internal Ratio Ratio(Func<RemoteTurn, double> figure) => new(
        Holdfast.Median(figure) / Redis.Median(figure),
        new Spread(Holdfast.Turns.Zip(Redis.Turns, (one, other) => figure(one) / figure(other))));
}

/// <summary>What all rounds of a row gave one contestant.</summary>
/// <param name="Turns">The turns that the row is about.</param>
/// <param name="Alone">The turns without big values beside them, for a row that compares with those; else none.</param>
internal sealed record SideResult(IReadOnlyList<RemoteTurn> Turns, IReadOnlyList<RemoteTurn> Alone)
{
    internal double Median(Func<RemoteTurn, double> figure) => new Spread(Turns.Select(figure)).Median;

    internal double MedianAlone(Func<RemoteTurn, double> figure) => new Spread(Alone.Select(figure)).Median;

    /// <summary>The p99 beside big values, in times of that alone.</summary>
    internal double BesideToAlone => Median(static turn => turn.P99) / MedianAlone(static turn => turn.P99);
}

/// <summary>Of the medians, and what it was in the rounds.</summary>
internal readonly record struct Ratio(double OfMedians, Spread Rounds)
{
    public override string ToString() => $"{OfMedians:0.00}× ({Rounds.Least:0.00}–{Rounds.Most:0.00})";
}
