using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using Holdfast.Benchmarks.Workload;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Benchmarks.Calls;

/// <summary><see cref="IDistributedCache"/> of Holdfast beside Microsoft's in memory: 10,000 keys, 100 B values.</summary>
[MemoryDiagnoser]
[SuppressMessage("Design", "CA1001", Justification = "The cleanup after all calls disposes of it.")]
[CategoriesColumn]
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
public class DistributedCacheBenchmarks
{
    private const int KeyCount = 10_000;

    private readonly string[] _keys = ProductKeys.ToAskFor(KeyCount);
    private readonly byte[] _value = ProductKeys.Value();
    private readonly DistributedCacheEntryOptions _options = new();
    private readonly ArrayBufferWriter<byte> _buffer = new(4_096);
    private CachePair _pair = null!;
    private IBufferDistributedCache _holdfast = null!;
    private IDistributedCache _memory = null!;
    private int _next;

    /// <summary>Fills both caches.</summary>
    [GlobalSetup]
    public void Fill()
    {
        _pair = new CachePair();
        _holdfast = _pair.Holdfast;
        _memory = _pair.Memory;
        _pair.Fill(KeyCount, _value, _options);
    }

    /// <summary>Closes both caches.</summary>
    [GlobalCleanup]
    public void Close() => _pair.Dispose();

    /// <summary>The peer's get, which hands out its own array.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("Get")]
    public byte[]? Memory_Get() => _memory.Get(NextKey());

    /// <summary>Get.</summary>
    [Benchmark, BenchmarkCategory("Get")]
    public byte[]? Holdfast_Get() => _holdfast.Get(NextKey());

    /// <summary>The peer's asynchronous get.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("GetAsync")]
    public Task<byte[]?> Memory_GetAsync() => _memory.GetAsync(NextKey());

    /// <summary>Asynchronous get.</summary>
    [Benchmark, BenchmarkCategory("GetAsync")]
    public Task<byte[]?> Holdfast_GetAsync() => _holdfast.GetAsync(NextKey());

    /// <summary>The peer's set over an entry.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("Set")]
    public void Memory_Set() => _memory.Set(NextKey(), _value, _options);

    /// <summary>Set over an entry.</summary>
    [Benchmark, BenchmarkCategory("Set")]
    public void Holdfast_Set() => _holdfast.Set(NextKey(), _value, _options);

    /// <summary>The peer knows no buffers: get, then copy, as HybridCache does.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("TryGet")]
    public int Memory_Get_and_copy()
    {
        _buffer.ResetWrittenCount();
        _buffer.Write(_memory.Get(NextKey()));
        return _buffer.WrittenCount;
    }

    /// <summary>Get into a buffer.</summary>
    [Benchmark, BenchmarkCategory("TryGet")]
    public bool Holdfast_TryGet()
    {
        _buffer.ResetWrittenCount();
        return _holdfast.TryGet(NextKey(), _buffer);
    }

    private string NextKey()
    {
        int next = _next + 1;
        _next = next == _keys.Length ? 0 : next;
        return _keys[_next];
    }
}
