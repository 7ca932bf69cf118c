using System.Diagnostics;
using Holdfast.Benchmarks.Loops;
using Holdfast.Benchmarks.Workload;

namespace Holdfast.Benchmarks.Drivers;

/// <summary>
/// Gets that are due at a steady pace, in turn from several stores. Two times are kept of each: that of the call, and
/// that since the get was due, in which a stall counts for every get that had to wait for its end.
/// </summary>
internal sealed class PacedGets
{
    private const int MostGets = 4_000_000;

    private readonly HoldfastClient[] _stores;
    private readonly string[] _keys;
    private readonly long _interval;
    private readonly Latencies[] _calls;
    private readonly Latencies[] _sinceDue;

    internal PacedGets(HoldfastClient[] stores, string[] keys, TimeSpan interval)
    {
        _stores = stores;
        _keys = keys;
        _interval = Math.Max(1, (long)(interval.TotalSeconds * Stopwatch.Frequency));
        _calls = [.. stores.Select(static _ => new Latencies(MostGets))];
        _sinceDue = [.. stores.Select(static _ => new Latencies(MostGets))];
    }

    /// <summary>Makes gets until it is over; gives their times, one for each store.</summary>
    internal LatencyFigures[] Run(Func<bool> isOver)
    {
        for (int store = 0; store < _stores.Length; store++)
        {
            _calls[store].Clear();
            _sinceDue[store].Clear();
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        long due = Stopwatch.GetTimestamp();
        for (int get = 0; !isOver(); get++, due += _interval)
        {
            int store = get % _stores.Length;
            string key = _keys[get % _keys.Length];
            long began;
            while ((began = Stopwatch.GetTimestamp()) < due)
            {
                Thread.SpinWait(1);
            }

            if (_stores[store].Get<byte[]>(key) is null)
            {
                Miss.Throw(key);
            }

            long ended = Stopwatch.GetTimestamp();
            _calls[store].Add(ended - began);
            _sinceDue[store].Add(ended - due);
        }

        return
        [
            .. _calls.Zip(_sinceDue, static (call, since) => new LatencyFigures(
                call.Count,
                call.Microseconds(0.5),
                call.Microseconds(0.99),
                call.Microseconds(1),
                since.Microseconds(0.99),
                since.Microseconds(1))),
        ];
    }
}
