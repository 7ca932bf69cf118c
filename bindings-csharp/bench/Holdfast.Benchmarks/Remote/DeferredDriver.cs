using System.Globalization;
using Holdfast.Benchmarks.Calls;
using Holdfast.Benchmarks.Workload;

namespace Holdfast.Benchmarks.Remote;

/// <summary>
/// Echoes that the client's I/O thread completes, as it completes the calls to a server: what a remote call costs
/// in this process without a network.
/// </summary>
internal static class DeferredDriver
{
    private static readonly string[] InFlight = ["1", "16", "64", "256"];

    internal static void Run(Arguments arguments)
    {
        int rounds = arguments.Number("rounds", 7);
        var time = TimeSpan.FromSeconds(arguments.Number("seconds", 1));
        string only = arguments.Word("in-flight", ["all", .. InFlight]);
        arguments.RequireNothingLeft();

        using var echo = new EchoCalls();
        var loop = new RemoteLoop<DeferredEcho, long>(new DeferredEcho(echo), ProductKeys.ToAskFor(10_000));
        var noServer = new ServerCpu(0);
        foreach (string number in InFlight.Where(number => only == "all" || only == number))
        {
            int inFlight = int.Parse(number, CultureInfo.InvariantCulture);
            RemoteTurn.WarmUp(loop, inFlight, time, noServer, null);
            RemoteTurn[] turns =
                [.. Enumerable.Range(0, rounds).Select(_ => RemoteTurn.Of(loop, inFlight, time, noServer, null))];
            var cpu = new Spread(turns.Select(static turn => turn.Cpu));
            var perSecond = new Spread(turns.Select(static turn => turn.PerSecond));
            var allocated = new Spread(turns.Select(static turn => turn.AllocatedBytes));
            Console.WriteLine(
                $"{number,4} in flight {perSecond.Median,10:N0}/s   "
                + $"CPU {cpu.Median:0.00} µs ({cpu.Least:0.00} to {cpu.Most:0.00})   allocated {allocated.Median:0} B");
        }
    }

    private readonly struct DeferredEcho(EchoCalls echo) : IRemoteCall<long>
    {
        public ValueTask<long> MakeAsync(string key) => echo.Deferred(key, 42);

        public void Check(long result, string key)
        {
            if (result != 42)
            {
                throw new InvalidOperationException("The echo is not what was said.");
            }
        }
    }
}
