using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <content>Get, TryGet, Exists.</content>
public partial class HoldfastClient
{
    /// <summary>
    /// Reads a value: the <see langword="default"/> of <typeparamref name="T"/> when there is no entry, so ask for
    /// <c>int?</c> or use <see cref="TryGet{T}(HoldfastKey, CancellationToken)"/> where a default could be a value.
    /// Slides a sliding deadline.
    /// </summary>
    /// <typeparam name="T">The type that the value is read as.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual T? Get<T>(HoldfastKey key, CancellationToken cancellationToken = default) =>
        Read<T?, ValueReader<T>>(key, null, new ValueReader<T>(Context, key, null), cancellationToken);

    /// <inheritdoc cref="Get{T}(HoldfastKey, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual T? Get<T>(HoldfastKey key, RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Read<T?, ValueReader<T>>(key, options, new ValueReader<T>(Context, key, null), cancellationToken);
    }

    /// <inheritdoc cref="Get{T}(HoldfastKey, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="typeInfo">How the value's JSON is read.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual T? Get<T>(
        HoldfastKey key,
        JsonTypeInfo<T> typeInfo,
        RequestOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return Read<T?, ValueReader<T>>(key, options, new ValueReader<T>(Context, key, typeInfo), cancellationToken);
    }

    /// <inheritdoc cref="Get{T}(HoldfastKey, CancellationToken)"/>
    public virtual ValueTask<T?> GetAsync<T>(HoldfastKey key, CancellationToken cancellationToken = default) =>
        ReadAsync<T?, ValueReader<T>>(key, null, new ValueReader<T>(Context, key, null), cancellationToken);

    /// <inheritdoc cref="Get{T}(HoldfastKey, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<T?> GetAsync<T>(
        HoldfastKey key,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return ReadAsync<T?, ValueReader<T>>(key, options, new ValueReader<T>(Context, key, null), cancellationToken);
    }

    /// <inheritdoc cref="Get{T}(HoldfastKey, JsonTypeInfo{T}, RequestOptions?, CancellationToken)"/>
    public virtual ValueTask<T?> GetAsync<T>(
        HoldfastKey key,
        JsonTypeInfo<T> typeInfo,
        RequestOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return ReadAsync<T?, ValueReader<T>>(key, options, new ValueReader<T>(Context, key, typeInfo), cancellationToken);
    }

    /// <summary>Reads an entry with its version and deadline, if there is one. Slides a sliding deadline.</summary>
    /// <typeparam name="T">The type that the value is read as.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual Lookup<T> TryGet<T>(HoldfastKey key, CancellationToken cancellationToken = default) =>
        Read<Lookup<T>, LookupReader<T>>(key, null, new LookupReader<T>(Context, key, null), cancellationToken);

    /// <inheritdoc cref="TryGet{T}(HoldfastKey, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual Lookup<T> TryGet<T>(
        HoldfastKey key,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Read<Lookup<T>, LookupReader<T>>(key, options, new LookupReader<T>(Context, key, null), cancellationToken);
    }

    /// <inheritdoc cref="TryGet{T}(HoldfastKey, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="typeInfo">How the value's JSON is read.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual Lookup<T> TryGet<T>(
        HoldfastKey key,
        JsonTypeInfo<T> typeInfo,
        RequestOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return Read<Lookup<T>, LookupReader<T>>(key, options, new LookupReader<T>(Context, key, typeInfo), cancellationToken);
    }

    /// <inheritdoc cref="TryGet{T}(HoldfastKey, CancellationToken)"/>
    public virtual ValueTask<Lookup<T>> TryGetAsync<T>(HoldfastKey key, CancellationToken cancellationToken = default) =>
        ReadAsync<Lookup<T>, LookupReader<T>>(key, null, new LookupReader<T>(Context, key, null), cancellationToken);

    /// <inheritdoc cref="TryGet{T}(HoldfastKey, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<Lookup<T>> TryGetAsync<T>(
        HoldfastKey key,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return ReadAsync<Lookup<T>, LookupReader<T>>(key, options, new LookupReader<T>(Context, key, null), cancellationToken);
    }

    /// <inheritdoc cref="TryGet{T}(HoldfastKey, JsonTypeInfo{T}, RequestOptions?, CancellationToken)"/>
    public virtual ValueTask<Lookup<T>> TryGetAsync<T>(
        HoldfastKey key,
        JsonTypeInfo<T> typeInfo,
        RequestOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return ReadAsync<Lookup<T>, LookupReader<T>>(key, options, new LookupReader<T>(Context, key, typeInfo), cancellationToken);
    }

    /// <summary>Whether a key exists. Does not slide its deadline.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Exists(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Begin(Op.Exists, key, null, out Operation operation);
        return Send<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Exists(HoldfastKey, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Exists(HoldfastKey key, RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Exists, key, options, out Operation operation);
        return Send<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Exists(HoldfastKey, CancellationToken)"/>
    public virtual ValueTask<bool> ExistsAsync(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Begin(Op.Exists, key, null, out Operation operation);
        return SendAsync<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Exists(HoldfastKey, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<bool> ExistsAsync(
        HoldfastKey key,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Exists, key, options, out Operation operation);
        return SendAsync<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    private TResult Read<TResult, TReader>(
        in HoldfastKey key,
        RequestOptions? options,
        TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        Begin(Op.Get, key, options, out Operation operation);
        return Send<TResult, TReader>(ref operation, reader, cancellationToken);
    }

    private ValueTask<TResult> ReadAsync<TResult, TReader>(
        in HoldfastKey key,
        RequestOptions? options,
        TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        Begin(Op.Get, key, options, out Operation operation);
        return SendAsync<TResult, TReader>(ref operation, reader, cancellationToken);
    }
}
