using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <content>Replace and TryReplace.</content>
public partial class HoldfastClient
{
    /// <summary>Writes a value if the entry has a version, and replaces all expiry settings. Gives the entry's new version.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="version">The version that the entry must have.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="HoldfastException">The entry has another version or does not exist: <see cref="HoldfastErrorCode.VersionMismatch"/>.</exception>
    public virtual long Replace<T>(
        HoldfastKey key,
        T value,
        long version,
        CancellationToken cancellationToken = default) =>
        Write<T, long, ReplacedReader>(key, value, RequestFlags.IfVersion, version, null, null, new ReplacedReader(key, version), cancellationToken);

    /// <inheritdoc cref="Replace{T}(HoldfastKey, T, long, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="version">The version that the entry must have.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long Replace<T>(
        HoldfastKey key,
        T value,
        long version,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Write<T, long, ReplacedReader>(key, value, RequestFlags.IfVersion, version, options, null, new ReplacedReader(key, version), cancellationToken);
    }

    /// <inheritdoc cref="Replace{T}(HoldfastKey, T, long, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="version">The version that the entry must have.</param>
    /// <param name="typeInfo">How the value is written as JSON.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long Replace<T>(
        HoldfastKey key,
        T value,
        long version,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return Write<T, long, ReplacedReader>(key, value, RequestFlags.IfVersion, version, options, typeInfo, new ReplacedReader(key, version), cancellationToken);
    }

    /// <inheritdoc cref="Replace{T}(HoldfastKey, T, long, CancellationToken)"/>
    public virtual ValueTask<long> ReplaceAsync<T>(
        HoldfastKey key,
        T value,
        long version,
        CancellationToken cancellationToken = default) =>
        WriteAsync<T, long, ReplacedReader>(key, value, RequestFlags.IfVersion, version, null, null, new ReplacedReader(key, version), cancellationToken);

    /// <inheritdoc cref="Replace{T}(HoldfastKey, T, long, PutOptions, CancellationToken)"/>
    public virtual ValueTask<long> ReplaceAsync<T>(
        HoldfastKey key,
        T value,
        long version,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return WriteAsync<T, long, ReplacedReader>(key, value, RequestFlags.IfVersion, version, options, null, new ReplacedReader(key, version), cancellationToken);
    }

    /// <inheritdoc cref="Replace{T}(HoldfastKey, T, long, JsonTypeInfo{T}, PutOptions?, CancellationToken)"/>
    public virtual ValueTask<long> ReplaceAsync<T>(
        HoldfastKey key,
        T value,
        long version,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return WriteAsync<T, long, ReplacedReader>(key, value, RequestFlags.IfVersion, version, options, typeInfo, new ReplacedReader(key, version), cancellationToken);
    }

    /// <summary>Writes a value if the entry has a version, and replaces all expiry settings. Gives the entry's new version, null when it has another or does not exist.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="version">The version that the entry must have.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long? TryReplace<T>(
        HoldfastKey key,
        T value,
        long version,
        CancellationToken cancellationToken = default) =>
        Write<T, long?, ConditionalReader>(key, value, RequestFlags.IfVersion, version, null, null, default, cancellationToken);

    /// <inheritdoc cref="TryReplace{T}(HoldfastKey, T, long, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="version">The version that the entry must have.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long? TryReplace<T>(
        HoldfastKey key,
        T value,
        long version,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Write<T, long?, ConditionalReader>(key, value, RequestFlags.IfVersion, version, options, null, default, cancellationToken);
    }

    /// <inheritdoc cref="TryReplace{T}(HoldfastKey, T, long, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="version">The version that the entry must have.</param>
    /// <param name="typeInfo">How the value is written as JSON.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long? TryReplace<T>(
        HoldfastKey key,
        T value,
        long version,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return Write<T, long?, ConditionalReader>(key, value, RequestFlags.IfVersion, version, options, typeInfo, default, cancellationToken);
    }

    /// <inheritdoc cref="TryReplace{T}(HoldfastKey, T, long, CancellationToken)"/>
    public virtual ValueTask<long?> TryReplaceAsync<T>(
        HoldfastKey key,
        T value,
        long version,
        CancellationToken cancellationToken = default) =>
        WriteAsync<T, long?, ConditionalReader>(key, value, RequestFlags.IfVersion, version, null, null, default, cancellationToken);

    /// <inheritdoc cref="TryReplace{T}(HoldfastKey, T, long, PutOptions, CancellationToken)"/>
    public virtual ValueTask<long?> TryReplaceAsync<T>(
        HoldfastKey key,
        T value,
        long version,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return WriteAsync<T, long?, ConditionalReader>(key, value, RequestFlags.IfVersion, version, options, null, default, cancellationToken);
    }

    /// <inheritdoc cref="TryReplace{T}(HoldfastKey, T, long, JsonTypeInfo{T}, PutOptions?, CancellationToken)"/>
    public virtual ValueTask<long?> TryReplaceAsync<T>(
        HoldfastKey key,
        T value,
        long version,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return WriteAsync<T, long?, ConditionalReader>(key, value, RequestFlags.IfVersion, version, options, typeInfo, default, cancellationToken);
    }
}
