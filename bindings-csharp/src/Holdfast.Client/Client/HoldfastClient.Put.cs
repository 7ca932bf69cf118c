using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <content>Put and GetAndPut.</content>
public partial class HoldfastClient
{
    /// <summary>Writes a value, whether the key exists or not, and replaces all expiry settings. Gives the entry's new version.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long Put<T>(
        HoldfastKey key,
        T value,
        CancellationToken cancellationToken = default) =>
        Write<T, long, VersionReader>(key, value, RequestFlags.None, 0, null, null, default, cancellationToken);

    /// <inheritdoc cref="Put{T}(HoldfastKey, T, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long Put<T>(
        HoldfastKey key,
        T value,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Write<T, long, VersionReader>(key, value, RequestFlags.None, 0, options, null, default, cancellationToken);
    }

    /// <inheritdoc cref="Put{T}(HoldfastKey, T, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="typeInfo">How the value is written as JSON.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long Put<T>(
        HoldfastKey key,
        T value,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return Write<T, long, VersionReader>(key, value, RequestFlags.None, 0, options, typeInfo, default, cancellationToken);
    }

    /// <inheritdoc cref="Put{T}(HoldfastKey, T, CancellationToken)"/>
    public virtual ValueTask<long> PutAsync<T>(
        HoldfastKey key,
        T value,
        CancellationToken cancellationToken = default) =>
        WriteAsync<T, long, VersionReader>(key, value, RequestFlags.None, 0, null, null, default, cancellationToken);

    /// <inheritdoc cref="Put{T}(HoldfastKey, T, PutOptions, CancellationToken)"/>
    public virtual ValueTask<long> PutAsync<T>(
        HoldfastKey key,
        T value,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return WriteAsync<T, long, VersionReader>(key, value, RequestFlags.None, 0, options, null, default, cancellationToken);
    }

    /// <inheritdoc cref="Put{T}(HoldfastKey, T, JsonTypeInfo{T}, PutOptions?, CancellationToken)"/>
    public virtual ValueTask<long> PutAsync<T>(
        HoldfastKey key,
        T value,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return WriteAsync<T, long, VersionReader>(key, value, RequestFlags.None, 0, options, typeInfo, default, cancellationToken);
    }

    /// <summary>Writes a value as <c>Put</c> does and gives the former one, under the new version.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual Lookup<T> GetAndPut<T>(
        HoldfastKey key,
        T value,
        CancellationToken cancellationToken = default) =>
        Write<T, Lookup<T>, PreviousReader<T>>(key, value, RequestFlags.ReturnPrevious, 0, null, null, new PreviousReader<T>(Context, key, null), cancellationToken);

    /// <inheritdoc cref="GetAndPut{T}(HoldfastKey, T, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual Lookup<T> GetAndPut<T>(
        HoldfastKey key,
        T value,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Write<T, Lookup<T>, PreviousReader<T>>(key, value, RequestFlags.ReturnPrevious, 0, options, null, new PreviousReader<T>(Context, key, null), cancellationToken);
    }

    /// <inheritdoc cref="GetAndPut{T}(HoldfastKey, T, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="typeInfo">How the value is written as JSON.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual Lookup<T> GetAndPut<T>(
        HoldfastKey key,
        T value,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return Write<T, Lookup<T>, PreviousReader<T>>(key, value, RequestFlags.ReturnPrevious, 0, options, typeInfo, new PreviousReader<T>(Context, key, typeInfo), cancellationToken);
    }

    /// <inheritdoc cref="GetAndPut{T}(HoldfastKey, T, CancellationToken)"/>
    public virtual ValueTask<Lookup<T>> GetAndPutAsync<T>(
        HoldfastKey key,
        T value,
        CancellationToken cancellationToken = default) =>
        WriteAsync<T, Lookup<T>, PreviousReader<T>>(key, value, RequestFlags.ReturnPrevious, 0, null, null, new PreviousReader<T>(Context, key, null), cancellationToken);

    /// <inheritdoc cref="GetAndPut{T}(HoldfastKey, T, PutOptions, CancellationToken)"/>
    public virtual ValueTask<Lookup<T>> GetAndPutAsync<T>(
        HoldfastKey key,
        T value,
        PutOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return WriteAsync<T, Lookup<T>, PreviousReader<T>>(key, value, RequestFlags.ReturnPrevious, 0, options, null, new PreviousReader<T>(Context, key, null), cancellationToken);
    }

    /// <inheritdoc cref="GetAndPut{T}(HoldfastKey, T, JsonTypeInfo{T}, PutOptions?, CancellationToken)"/>
    public virtual ValueTask<Lookup<T>> GetAndPutAsync<T>(
        HoldfastKey key,
        T value,
        JsonTypeInfo<T> typeInfo,
        PutOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return WriteAsync<T, Lookup<T>, PreviousReader<T>>(key, value, RequestFlags.ReturnPrevious, 0, options, typeInfo, new PreviousReader<T>(Context, key, typeInfo), cancellationToken);
    }

    private TResult Write<T, TResult, TReader>(
        in HoldfastKey key,
        T value,
        RequestFlags flags,
        long version,
        PutOptions? options,
        JsonTypeInfo<T>? typeInfo,
        TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        EncodedValue encoded = EncodedValue.Of(
            value, stackalloc byte[EncodedValue.RoomLength], Context.Serializer, typeInfo);
        try
        {
            BeginPut(key, flags, version, options, out scoped Operation operation);
            operation.Payload = encoded.Bytes;
            return Send<TResult, TReader>(ref operation, reader, cancellationToken);
        }
        finally
        {
            encoded.Dispose();
        }
    }

    private ValueTask<TResult> WriteAsync<T, TResult, TReader>(
        in HoldfastKey key,
        T value,
        RequestFlags flags,
        long version,
        PutOptions? options,
        JsonTypeInfo<T>? typeInfo,
        TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        scoped EncodedValue encoded = default;
        try
        {
            encoded = EncodedValue.Of(value, stackalloc byte[EncodedValue.RoomLength], Context.Serializer, typeInfo);
            BeginPut(key, flags, version, options, out scoped Operation operation);
            operation.Payload = encoded.Bytes;
            return SendAsync<TResult, TReader>(ref operation, reader, cancellationToken);
        }
        catch (HoldfastException error)
        {
            return FailedTask.Of<TResult>(error);
        }
        finally
        {
            encoded.Dispose(); // the submit has copied it, also when the call is pending
        }
    }

    private void BeginPut(
        scoped in HoldfastKey key,
        RequestFlags flags,
        long version,
        PutOptions? options,
        out Operation operation)
    {
        Begin(Op.Put, key, options, out operation);
        operation.Request.version = version;
        if (options is not null)
        {
            options.Resolve(TimeProvider).WriteTo(ref operation.Request);
            flags |= options.NeverEvict ? RequestFlags.NeverEvict : RequestFlags.None;
        }

        operation.Add(flags);
    }
}
