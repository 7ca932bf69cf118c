using BenchmarkDotNet.Attributes;
using Holdfast.Benchmarks.Workload;

namespace Holdfast.Benchmarks.Calls;

/// <summary>Verbs of <see cref="HoldfastClient"/> on both classes of store: 10,000 keys, values of 100 characters.</summary>
[MemoryDiagnoser]
public class ClientBenchmarks
{
    private const int KeyCount = 10_000;

    private readonly string[] _keys = ProductKeys.ToAskFor(KeyCount);
    private readonly string _value = new('v', ProductKeys.ValueLength);
    private HoldfastClient _client = null!;
    private int _next;

    /// <summary>The class of the store.</summary>
    [Params(HoldfastStoreClass.Cache, HoldfastStoreClass.Coordination)]
    public HoldfastStoreClass Class { get; set; }

    /// <summary>Fills the store.</summary>
    [GlobalSetup]
    public void Fill()
    {
        _client = HoldfastClient.Create(new HoldfastClientOptions
        {
            ConnectionString = $"holdfast://embedded/verbs?node=bench-{Environment.ProcessId}-{Class}",
            Class = Class,
        });
        foreach (string key in ProductKeys.ToFill(KeyCount))
        {
            _client.Put(key, _value);
        }
    }

    /// <summary>Closes the client.</summary>
    [GlobalCleanup]
    public void Close() => _client.Dispose();

    /// <summary>Get of text.</summary>
    [Benchmark]
    public string? Get() => _client.Get<string>(NextKey());

    /// <summary>Asynchronous get of text.</summary>
    [Benchmark]
    public ValueTask<string?> GetAsync() => _client.GetAsync<string>(NextKey());

    /// <summary>Get with version and deadline.</summary>
    [Benchmark]
    public Lookup<string> TryGet() => _client.TryGet<string>(NextKey());

    /// <summary>Put over an entry.</summary>
    [Benchmark]
    public long Put() => _client.Put(NextKey(), _value);

    /// <summary>Asynchronous put over an entry.</summary>
    [Benchmark]
    public ValueTask<long> PutAsync() => _client.PutAsync(NextKey(), _value);

    /// <summary>One more.</summary>
    [Benchmark]
    public long Increment() => _client.Increment("visits");

    private string NextKey()
    {
        int next = _next + 1;
        _next = next == _keys.Length ? 0 : next;
        return _keys[_next];
    }
}
