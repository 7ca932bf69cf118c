using System.Buffers;
using System.Globalization;
using Holdfast.Benchmarks.Workload;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;

namespace Holdfast.Benchmarks.Traces;

/// <summary>A cache store under a budget, used as an application does: through <see cref="IDistributedCache"/>.</summary>
internal sealed class HoldfastStore : ITracedCache, IDisposable
{
    private const int RequestsBetweenLooks = 10_000;

    private static int s_nodes;

    private readonly ServiceProvider _services;
    private readonly IBufferDistributedCache _cache;
    private readonly HoldfastClient _client;
    private readonly ArrayBufferWriter<byte> _buffer = new(4_096);
    private readonly DistributedCacheEntryOptions _options = new();
    private readonly byte[] _value = ProductKeys.Value();
    private readonly List<double> _entries = [];
    private int _requests;

    internal HoldfastStore(int budgetMib)
    {
        string node = $"traced-{Environment.ProcessId}-{Interlocked.Increment(ref s_nodes)}";
        string connection = string.Create(
            CultureInfo.InvariantCulture,
            $"holdfast://embedded/traced?node={node}&class=cache&max-memory={budgetMib}MiB&max-value=4KiB");
        _services = new ServiceCollection()
            .AddHoldfastDistributedCache(options => options.ConnectionString = connection)
            .BuildServiceProvider();
        _cache = (IBufferDistributedCache)_services.GetRequiredService<IDistributedCache>();
        _client = HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = connection });
    }

    internal StoreStats Stats => _client.Stats();

    /// <summary>How many entries the store held, looked at all along since <see cref="ForgetEntries"/>.</summary>
    internal IReadOnlyList<double> Entries => _entries;

    public bool Request(int key)
    {
        if (++_requests % RequestsBetweenLooks == 0)
        {
            _entries.Add(_client.Stats().Entries);
        }

        string text = $"product:{key:D12}";
        _buffer.ResetWrittenCount();
        if (_cache.TryGet(text, _buffer))
        {
            return true;
        }

        _cache.Set(text, _value, _options);
        return false;
    }

    internal void ForgetEntries() => _entries.Clear();

    public void Dispose()
    {
        _services.Dispose();
        _client.Dispose();
    }
}
