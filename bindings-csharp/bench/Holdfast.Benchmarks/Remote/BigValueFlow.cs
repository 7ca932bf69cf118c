using System.Diagnostics;

namespace Holdfast.Benchmarks.Remote;

/// <summary>
/// Values of 1 MB at a steady pace, got and set in turn through a contestant's client. The pace is the same for both:
/// as fast as possible would burden the faster one more.
/// </summary>
internal sealed class BigValueFlow(RemoteSide side, int perSecond)
{
    internal const int ValueLength = 1_000_000;
    private const int KeyCount = 8;

    private readonly byte[] _value = new byte[ValueLength];
    private readonly string[] _keys = [.. Enumerable.Range(0, KeyCount).Select(static number => $"big:{number}")];

    internal async Task FillAsync()
    {
        foreach (string key in _keys)
        {
            await side.SetAsync(key, _value);
        }
    }

    /// <summary>Runs until the end of the turn; gives how many bytes of values flowed.</summary>
    internal Task<long> RunAsync(TurnEnd end) => Task.Run(async () =>
    {
        long bytes = 0;
        long interval = Stopwatch.Frequency / perSecond;
        long due = Stopwatch.GetTimestamp();
        for (int count = 0; !end.IsReached; count++)
        {
            TimeSpan early = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
            if (early >= TimeSpan.FromMilliseconds(1))
            {
                await Task.Delay(early);
            }

            string key = _keys[count % KeyCount];
            if (count % 2 == 0)
            {
                Hit.Require(await side.GetAsync(key), key);
            }
            else
            {
                await side.SetAsync(key, _value);
            }

            bytes += ValueLength;

            // What was late because the machine is slower than the pace is not made up for.
            due = Math.Max(due + interval, Stopwatch.GetTimestamp() - interval);
        }

        return bytes;
    });
}
