using System.Diagnostics;
using System.Numerics;

namespace Holdfast.Benchmarks.Workload;

/// <summary>
/// Times of any number of calls in buckets whose width is 1/64 of the time: percentiles are right to 1.6 %, and adding
/// one allocates nothing. One for each task that makes calls; they are added up at the end.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int PartBits = 6;
    private const int Parts = 1 << PartBits;

    /// <summary>Up to 2^40 ticks, which is longer than any turn.</summary>
    private readonly int[] _counts = new int[(41 - PartBits) << PartBits];

    internal long Count { get; private set; }

    internal void Add(long ticks)
    {
        _counts[IndexOf(Math.Max(0, ticks))]++;
        Count++;
    }

    internal void Add(LatencyHistogram other)
    {
        for (int index = 0; index < _counts.Length; index++)
        {
            _counts[index] += other._counts[index];
        }

        Count += other.Count;
    }

    /// <summary>The time in microseconds that this part of the calls did not exceed.</summary>
    internal double Microseconds(double part)
    {
        if (Count == 0)
        {
            throw new InvalidOperationException("Nothing was measured.");
        }

        long rank = Math.Max(1, (long)Math.Ceiling(part * Count));
        int index = -1;
        while (rank > 0)
        {
            rank -= _counts[++index];
        }

        return MiddleOf(index) * 1e6 / Stopwatch.Frequency;
    }

    private int IndexOf(long ticks)
    {
        int shift = Math.Max(0, BitOperations.Log2((ulong)ticks) - PartBits);
        return Math.Min((shift << PartBits) + (int)(ticks >> shift), _counts.Length - 1);
    }

    private static double MiddleOf(int index)
    {
        int shift = Math.Max(0, (index >> PartBits) - 1);
        long first = (long)(index - (shift << PartBits)) << shift;
        return first + (((1L << shift) - 1) / 2.0);
    }
}
