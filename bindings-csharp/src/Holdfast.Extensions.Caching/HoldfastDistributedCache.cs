using System.Buffers;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching;

/// <summary>
/// <see cref="IDistributedCache"/> over a store. Each method checks its arguments, works out the deadlines and makes
/// one call; the synchronous ones need no other thread of the application to finish.
/// </summary>
internal sealed class HoldfastDistributedCache : IBufferDistributedCache, IDisposable, IAsyncDisposable
{
    private readonly CacheStore _store;
    private readonly EntryRules _rules;

    internal HoldfastDistributedCache(CacheStore store, HoldfastCacheOptions options)
    {
        _store = store;
        _rules = new EntryRules(options);
    }

    /// <summary>The client that it uses.</summary>
    internal HoldfastClient Client => _store.View;

    public byte[]? Get(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return _store.View.GetRaw(key);
    }

    public Task<byte[]?> GetAsync(string key, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return _store.ViewFor(token).GetRawAsync(key, token).AsTask();
    }

    public bool TryGet(string key, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(destination);
        return _store.View.TryGetRaw(key, destination);
    }

    public ValueTask<bool> TryGetAsync(string key, IBufferWriter<byte> destination, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(destination);
        return _store.ViewFor(token).TryGetRawAsync(key, destination, token);
    }

    public void Set(string key, byte[] value, DistributedCacheEntryOptions options)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(options);
        var view = _store.View;
        var expiry = _rules.ExpiryOf(key, options, view.TimeProvider, out var pinned);
        view.PutRaw(key, value.AsSpan(), expiry, pinned);
    }

    public void Set(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(options);
        var view = _store.View;
        var expiry = _rules.ExpiryOf(key, options, view.TimeProvider, out var pinned);
        view.PutRaw(key, value, expiry, pinned);
    }

    public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(options);
        var view = _store.ViewFor(token);
        var expiry = _rules.ExpiryOf(key, options, view.TimeProvider, out var pinned);
        return view.PutRawAsync(key, value.AsSpan(), expiry, pinned, token).AsTask();
    }

    public ValueTask SetAsync(
        string key,
        ReadOnlySequence<byte> value,
        DistributedCacheEntryOptions options,
        CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(options);
        var view = _store.ViewFor(token);
        var expiry = _rules.ExpiryOf(key, options, view.TimeProvider, out var pinned);
        return view.PutRawAsync(key, value, expiry, pinned, token);
    }

    public void Refresh(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        _store.View.RefreshRaw(key);
    }

    public Task RefreshAsync(string key, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return _store.ViewFor(token).RefreshRawAsync(key, token).AsTask();
    }

    public void Remove(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        _store.View.RemoveRaw(key);
    }

    public Task RemoveAsync(string key, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return _store.ViewFor(token).RemoveRawAsync(key, token).AsTask();
    }

    public void Dispose() => _store.Dispose();

    public ValueTask DisposeAsync() => _store.DisposeAsync();
}
