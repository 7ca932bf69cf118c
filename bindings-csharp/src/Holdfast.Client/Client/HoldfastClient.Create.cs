using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <content>Create and TryCreate.</content>
public partial class HoldfastClient
{
    /// <summary>Writes a value if the key does not exist. Gives the entry's version.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="HoldfastException">The key exists: <see cref="HoldfastErrorCode.AlreadyExists"/>.</exception>
    public virtual long Create<T>(
        HoldfastKey key,
        T value,
        CancellationToken cancellationToken = default) =>
        Write<T, long, CreatedReader>(key, value, RequestFlags.IfAbsent, 0, null, null, new CreatedReader(key), cancellationToken);

    /// <inheritdoc cref="Create{T}(HoldfastKey, T, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long Create<T>(
        HoldfastKey key,
        T value,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Write<T, long, CreatedReader>(key, value, RequestFlags.IfAbsent, 0, options, null, new CreatedReader(key), cancellationToken);
    }

    /// <inheritdoc cref="Create{T}(HoldfastKey, T, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="typeInfo">How the value is written as JSON.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long Create<T>(
        HoldfastKey key,
        T value,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return Write<T, long, CreatedReader>(key, value, RequestFlags.IfAbsent, 0, options, typeInfo, new CreatedReader(key), cancellationToken);
    }

    /// <inheritdoc cref="Create{T}(HoldfastKey, T, CancellationToken)"/>
    public virtual ValueTask<long> CreateAsync<T>(
        HoldfastKey key,
        T value,
        CancellationToken cancellationToken = default) =>
        WriteAsync<T, long, CreatedReader>(key, value, RequestFlags.IfAbsent, 0, null, null, new CreatedReader(key), cancellationToken);

    /// <inheritdoc cref="Create{T}(HoldfastKey, T, PutOptions, CancellationToken)"/>
    public virtual ValueTask<long> CreateAsync<T>(
        HoldfastKey key,
        T value,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return WriteAsync<T, long, CreatedReader>(key, value, RequestFlags.IfAbsent, 0, options, null, new CreatedReader(key), cancellationToken);
    }

    /// <inheritdoc cref="Create{T}(HoldfastKey, T, JsonTypeInfo{T}, PutOptions?, CancellationToken)"/>
    public virtual ValueTask<long> CreateAsync<T>(
        HoldfastKey key,
        T value,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return WriteAsync<T, long, CreatedReader>(key, value, RequestFlags.IfAbsent, 0, options, typeInfo, new CreatedReader(key), cancellationToken);
    }

    /// <summary>Writes a value if the key does not exist. Gives the entry's version, null when the key exists.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long? TryCreate<T>(
        HoldfastKey key,
        T value,
        CancellationToken cancellationToken = default) =>
        Write<T, long?, ConditionalReader>(key, value, RequestFlags.IfAbsent, 0, null, null, default, cancellationToken);

    /// <inheritdoc cref="TryCreate{T}(HoldfastKey, T, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long? TryCreate<T>(
        HoldfastKey key,
        T value,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Write<T, long?, ConditionalReader>(key, value, RequestFlags.IfAbsent, 0, options, null, default, cancellationToken);
    }

    /// <inheritdoc cref="TryCreate{T}(HoldfastKey, T, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="typeInfo">How the value is written as JSON.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long? TryCreate<T>(
        HoldfastKey key,
        T value,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return Write<T, long?, ConditionalReader>(key, value, RequestFlags.IfAbsent, 0, options, typeInfo, default, cancellationToken);
    }

    /// <inheritdoc cref="TryCreate{T}(HoldfastKey, T, CancellationToken)"/>
    public virtual ValueTask<long?> TryCreateAsync<T>(
        HoldfastKey key,
        T value,
        CancellationToken cancellationToken = default) =>
        WriteAsync<T, long?, ConditionalReader>(key, value, RequestFlags.IfAbsent, 0, null, null, default, cancellationToken);

    /// <inheritdoc cref="TryCreate{T}(HoldfastKey, T, PutOptions, CancellationToken)"/>
    public virtual ValueTask<long?> TryCreateAsync<T>(
        HoldfastKey key,
        T value,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return WriteAsync<T, long?, ConditionalReader>(key, value, RequestFlags.IfAbsent, 0, options, null, default, cancellationToken);
    }

    /// <inheritdoc cref="TryCreate{T}(HoldfastKey, T, JsonTypeInfo{T}, PutOptions?, CancellationToken)"/>
    public virtual ValueTask<long?> TryCreateAsync<T>(
        HoldfastKey key,
        T value,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return WriteAsync<T, long?, ConditionalReader>(key, value, RequestFlags.IfAbsent, 0, options, typeInfo, default, cancellationToken);
    }
}
