namespace Holdfast.Benchmarks.Traces;

/// <summary>Independent requests for ranks from 0 on, of which the n-th is n^0.9 times rarer than the first.</summary>
internal sealed class Zipf
{
    private const double Exponent = 0.9;

    private readonly double[] _cumulative;
    private SplitMix64 _random;

    internal Zipf(int ranks, ulong seed)
    {
        _cumulative = new double[ranks];
        double sum = 0;
        for (int rank = 0; rank < ranks; rank++)
        {
            sum += Math.Pow(rank + 1, -Exponent);
            _cumulative[rank] = sum;
        }

        for (int rank = 0; rank < ranks; rank++)
        {
            _cumulative[rank] /= sum;
        }

        _random = new SplitMix64(seed);
    }

    internal int Next()
    {
        int found = Array.BinarySearch(_cumulative, _random.Fraction());
        return Math.Min(found < 0 ? ~found : found, _cumulative.Length - 1);
    }
}
