using System.Globalization;
using BenchmarkDotNet.Running;
using Holdfast.Benchmarks;
using Holdfast.Benchmarks.Drivers;
using Holdfast.Benchmarks.Remote;

const string Help = """
    Benchmarks of Holdfast. Run them in Release, on a machine that does nothing else.

      calls [BenchmarkDotNet's options]   single calls, e.g. calls --filter '*DistributedCache*'
      alternate [NAME…]                   calls beside their peers, in turn; only the ratios count
          --rounds 15 --ms 300 --keys 10000 --expiry none|absolute|sliding --instance-name ""
          NAME: get, get-async, try-get, set, get-string, echo; all of them when there is none
      threads                             throughput of Get on one and on two threads
          --rounds 15 --ms 300 --keys 10000
      expiry                              gets while entries expire that are all due in one second
          --rounds 3 --entries 1000000 --lead 15 --baseline 3 --interval-us 20 --class cache|coordination
      hitratio                            hit ratios under a budget, beside exact LRU and BitFaster's LFU
          --budget-mib 16 --requests 6000000
      deferred                            what a remote call costs in this process, without a network
          --rounds 7 --seconds 1 --in-flight all|1|16|64|256
      remote [ROW…]                       Holdfast's client and server beside StackExchange.Redis and redis-server, both of
                                          which run already (see remote-beside-redis); all rows when there is none
          --rounds 7 --seconds 3 --big-per-second 100 --class coordination|cache --only both|holdfast|redis
          --holdfast holdfast://127.0.0.1:17002 --holdfast-pid "" --redis 127.0.0.1:17001 --redis-pid ""
          --output FOLDER                 writes remote.md, remote.json and remote.svg
          ROW: get-1, get-16, get-64, get-256, set-1, set-16, set-64, set-256, cache-get, cache-set, get-100k, beside-1m
    """;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string mode = args is [var first, ..] ? first : "help";
string[] rest = args is [_, .. var others] ? others : [];
try
{
    switch (mode)
    {
        case "calls":
            BenchmarkSwitcher.FromAssembly(typeof(Arguments).Assembly).Run(rest);
            return 0;
        case "alternate":
            AlternateDriver.Run(new Arguments(rest));
            return 0;
        case "threads":
            ThreadsDriver.Run(new Arguments(rest));
            return 0;
        case "expiry":
            ExpiryDriver.Run(new Arguments(rest));
            return 0;
        case "hitratio":
            HitRatioDriver.Run(new Arguments(rest));
            return 0;
        case "deferred":
            DeferredDriver.Run(new Arguments(rest));
            return 0;
        case "remote":
            RemoteDriver.Run(new Arguments(rest));
            return 0;
        case "help" or "--help" or "-h":
            Console.WriteLine(Help);
            return 0;
        default:
            throw new ArgumentsException($"There is no mode '{mode}'.");
    }
}
catch (ArgumentsException mistake)
{
    Console.Error.WriteLine($"{mistake.Message}\n\n{Help}");
    return 2;
}
