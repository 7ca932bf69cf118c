using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;

namespace Holdfast.Benchmarks.Calls;

/// <summary>The boundary to native code without a node behind it.</summary>
[MemoryDiagnoser]
[SuppressMessage("Design", "CA1001", Justification = "The cleanup after all calls disposes of it.")]
public class BoundaryBenchmarks
{
    private const int InFlight = 64;
    private const int CallsOfEach = 64;

    private readonly Task[] _callers = new Task[InFlight];
    private EchoCalls _echo = null!;

    /// <summary>Opens clients without a node.</summary>
    [GlobalSetup]
    public void Open() => _echo = new EchoCalls();

    /// <summary>Closes them.</summary>
    [GlobalCleanup]
    public void Close() => _echo.Dispose();

    /// <summary>A P/Invoke that does nothing.</summary>
    [Benchmark(Baseline = true)]
    public ulong Empty_call() => EchoCalls.Empty();

    /// <summary>A request that is answered in the call, and nothing around it.</summary>
    [Benchmark]
    public void Inline_echo() => _echo.Inline();

    /// <summary>The same as a verb makes it: key encoded, ticket at hand, reply read.</summary>
    [Benchmark]
    public long Inline_echo_as_a_verb() => _echo.InlineThroughClient("product:4711");

    /// <summary>One of 64 requests in flight, each awaited by a caller of its own.</summary>
    [Benchmark(OperationsPerInvoke = InFlight * CallsOfEach)]
    public Task Deferred_echo_64_in_flight()
    {
        for (int caller = 0; caller < InFlight; caller++)
        {
            _callers[caller] = Echoing();
        }

        return Task.WhenAll(_callers);
    }

    private async Task Echoing()
    {
        for (int call = 0; call < CallsOfEach; call++)
        {
            if (await _echo.Deferred("product:4711", call) != call)
            {
                throw new InvalidOperationException("The echo is another request's.");
            }
        }
    }
}
