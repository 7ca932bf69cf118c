using System.Diagnostics;

namespace Holdfast.Benchmarks.Workload;

/// <summary>Times of single calls, in a buffer made beforehand: measuring allocates nothing.</summary>
internal sealed class Latencies(int capacity)
{
    private readonly long[] _ticks = new long[capacity];
    private int _count;
    private bool _isSorted;

    internal int Count => _count;

    internal void Add(long ticks)
    {
        if (_count < _ticks.Length)
        {
            _ticks[_count++] = ticks;
        }
    }

    internal void Clear()
    {
        _count = 0;
        _isSorted = false;
    }

    /// <summary>The time in microseconds that this part of the calls did not exceed; 1: the longest.</summary>
    internal double Microseconds(double part)
    {
        if (_count == 0)
        {
            throw new InvalidOperationException("Nothing was measured.");
        }

        if (!_isSorted)
        {
            _ticks.AsSpan(0, _count).Sort();
            _isSorted = true;
        }

        int index = Math.Clamp((int)Math.Ceiling(part * _count) - 1, 0, _count - 1);
        return _ticks[index] * 1e6 / Stopwatch.Frequency;
    }
}
