using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <content>GetMany, PutMany, DeleteMany, Batch: many keys in one request, answered in the order of the input.</content>
public partial class HoldfastClient
{
    internal ReadOnlySpan<byte> Prefix => _prefix;

    internal IHoldfastSerializer ValueSerializer => Context.Serializer;

    /// <summary>Starts a batch of mixed operations.</summary>
    public virtual HoldfastBatch Batch() => new(this);

    /// <summary>Reads many entries. Gives one lookup for each key, in their order. Slides sliding deadlines.</summary>
    /// <typeparam name="T">The type that the values are read as.</typeparam>
    /// <param name="keys">The keys.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual IReadOnlyList<Lookup<T>> GetMany<T>(
        IEnumerable<HoldfastKey> keys,
        CancellationToken cancellationToken = default) => GetManyCore<T>(keys, null, null, cancellationToken);

    /// <inheritdoc cref="GetMany{T}(IEnumerable{HoldfastKey}, CancellationToken)"/>
    /// <param name="keys">The keys.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual IReadOnlyList<Lookup<T>> GetMany<T>(
        IEnumerable<HoldfastKey> keys,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return GetManyCore<T>(keys, options, null, cancellationToken);
    }

    /// <inheritdoc cref="GetMany{T}(IEnumerable{HoldfastKey}, CancellationToken)"/>
    /// <param name="keys">The keys.</param>
    /// <param name="typeInfo">How the values' JSON is read.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual IReadOnlyList<Lookup<T>> GetMany<T>(
        IEnumerable<HoldfastKey> keys,
        JsonTypeInfo<T> typeInfo,
        RequestOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return GetManyCore(keys, options, typeInfo, cancellationToken);
    }

    /// <inheritdoc cref="GetMany{T}(IEnumerable{HoldfastKey}, CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<Lookup<T>>> GetManyAsync<T>(
        IEnumerable<HoldfastKey> keys,
        CancellationToken cancellationToken = default) => GetManyCoreAsync<T>(keys, null, null, cancellationToken);

    /// <inheritdoc cref="GetMany{T}(IEnumerable{HoldfastKey}, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<Lookup<T>>> GetManyAsync<T>(
        IEnumerable<HoldfastKey> keys,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return GetManyCoreAsync<T>(keys, options, null, cancellationToken);
    }

    /// <inheritdoc cref="GetMany{T}(IEnumerable{HoldfastKey}, JsonTypeInfo{T}, RequestOptions?, CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<Lookup<T>>> GetManyAsync<T>(
        IEnumerable<HoldfastKey> keys,
        JsonTypeInfo<T> typeInfo,
        RequestOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return GetManyCoreAsync(keys, options, typeInfo, cancellationToken);
    }

    /// <summary>
    /// Writes many values as <c>Put</c> does. Gives one result for each, in their order; each succeeds or fails for
    /// itself.
    /// </summary>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="entries">Keys and values.</param>
    /// <param name="options">When the entries expire; null: never.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual IReadOnlyList<BatchResult> PutMany<T>(
        IEnumerable<KeyValuePair<HoldfastKey, T>> entries,
        PutOptions? options = null,
        CancellationToken cancellationToken = default) =>
        BatchOfPuts(entries, options, null).SendWith(options, cancellationToken);

    /// <inheritdoc cref="PutMany{T}(IEnumerable{KeyValuePair{HoldfastKey, T}}, PutOptions?, CancellationToken)"/>
    /// <param name="entries">Keys and values.</param>
    /// <param name="typeInfo">How the values are written as JSON.</param>
    /// <param name="options">When the entries expire; null: never.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual IReadOnlyList<BatchResult> PutMany<T>(
        IEnumerable<KeyValuePair<HoldfastKey, T>> entries,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return BatchOfPuts(entries, options, typeInfo).SendWith(options, cancellationToken);
    }

    /// <inheritdoc cref="PutMany{T}(IEnumerable{KeyValuePair{HoldfastKey, T}}, PutOptions?, CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<BatchResult>> PutManyAsync<T>(
        IEnumerable<KeyValuePair<HoldfastKey, T>> entries,
        PutOptions? options = null,
        CancellationToken cancellationToken = default) =>
        BatchOfPuts(entries, options, null).SendWithAsync(options, cancellationToken);

    /// <inheritdoc cref="PutMany{T}(IEnumerable{KeyValuePair{HoldfastKey, T}}, JsonTypeInfo{T}, PutOptions?, CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<BatchResult>> PutManyAsync<T>(
        IEnumerable<KeyValuePair<HoldfastKey, T>> entries,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return BatchOfPuts(entries, options, typeInfo).SendWithAsync(options, cancellationToken);
    }

    /// <summary>Deletes many entries. Gives one result for each key, in their order.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual IReadOnlyList<BatchResult> DeleteMany(
        IEnumerable<HoldfastKey> keys,
        CancellationToken cancellationToken = default) => BatchOfDeletes(keys).SendWith(null, cancellationToken);

    /// <inheritdoc cref="DeleteMany(IEnumerable{HoldfastKey}, CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<BatchResult>> DeleteManyAsync(
        IEnumerable<HoldfastKey> keys,
        CancellationToken cancellationToken = default) => BatchOfDeletes(keys).SendWithAsync(null, cancellationToken);

    /// <inheritdoc cref="DeleteMany(IEnumerable{HoldfastKey}, CancellationToken)"/>
    /// <param name="keys">The keys.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual IReadOnlyList<BatchResult> DeleteMany(
        IEnumerable<HoldfastKey> keys,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return BatchOfDeletes(keys).SendWith(options, cancellationToken);
    }

    /// <inheritdoc cref="DeleteMany(IEnumerable{HoldfastKey}, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<BatchResult>> DeleteManyAsync(
        IEnumerable<HoldfastKey> keys,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return BatchOfDeletes(keys).SendWithAsync(options, cancellationToken);
    }

    internal IReadOnlyList<BatchResult> SendBatch(
        RequestItems items,
        (HoldfastKey Key, BatchOperation Operation)[] asked,
        RequestOptions? options,
        CancellationToken cancellationToken)
    {
        Begin(Op.Batch, default, options, out Operation operation);
        operation.Items = items;
        return Send<IReadOnlyList<BatchResult>, BatchReader>(
            ref operation, new BatchReader(Context, asked), cancellationToken);
    }

    internal ValueTask<IReadOnlyList<BatchResult>> SendBatchAsync(
        RequestItems items,
        (HoldfastKey Key, BatchOperation Operation)[] asked,
        RequestOptions? options,
        CancellationToken cancellationToken)
    {
        Begin(Op.Batch, default, options, out Operation operation);
        operation.Items = items;
        return SendAsync<IReadOnlyList<BatchResult>, BatchReader>(
            ref operation, new BatchReader(Context, asked), cancellationToken);
    }

    private HoldfastBatch BatchOfPuts<T>(
        IEnumerable<KeyValuePair<HoldfastKey, T>> entries,
        PutOptions? options,
        JsonTypeInfo<T>? typeInfo)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var batch = new HoldfastBatch(this);
        foreach ((HoldfastKey key, T value) in entries)
        {
            batch.Put(key, value, options, typeInfo);
        }

        return batch;
    }

    private HoldfastBatch BatchOfDeletes(IEnumerable<HoldfastKey> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var batch = new HoldfastBatch(this);
        foreach (HoldfastKey key in keys)
        {
            batch.Delete(key);
        }

        return batch;
    }

    private IReadOnlyList<Lookup<T>> GetManyCore<T>(
        IEnumerable<HoldfastKey> keys,
        RequestOptions? options,
        JsonTypeInfo<T>? typeInfo,
        CancellationToken cancellationToken)
    {
        HoldfastKey[] asked = [.. keys ?? throw new ArgumentNullException(nameof(keys))];
        using RequestItems items = ItemsOf(asked);
        Begin(Op.GetMany, default, options, out Operation operation);
        operation.Items = items;
        return Send<IReadOnlyList<Lookup<T>>, GetManyReader<T>>(
            ref operation, new GetManyReader<T>(Context, asked, typeInfo), cancellationToken);
    }

    private ValueTask<IReadOnlyList<Lookup<T>>> GetManyCoreAsync<T>(
        IEnumerable<HoldfastKey> keys,
        RequestOptions? options,
        JsonTypeInfo<T>? typeInfo,
        CancellationToken cancellationToken)
    {
        HoldfastKey[] asked = [.. keys ?? throw new ArgumentNullException(nameof(keys))];
        using RequestItems items = ItemsOf(asked);
        Begin(Op.GetMany, default, options, out Operation operation);
        operation.Items = items;
        return SendAsync<IReadOnlyList<Lookup<T>>, GetManyReader<T>>(
            ref operation, new GetManyReader<T>(Context, asked, typeInfo), cancellationToken);
    }

    private RequestItems ItemsOf(HoldfastKey[] keys)
    {
        var items = new RequestItems();
        try
        {
            foreach (HoldfastKey key in keys)
            {
                items.Add(Op.Get, key, _prefix);
            }
        }
        catch
        {
            items.Dispose();
            throw;
        }

        return items;
    }
}
