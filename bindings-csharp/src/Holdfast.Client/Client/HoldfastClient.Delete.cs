using Holdfast.Interop;

namespace Holdfast;

/// <content>Delete, TryDelete, GetAndDelete.</content>
public partial class HoldfastClient
{
    /// <summary>Deletes an entry. Gives whether there was one.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Delete(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Begin(Op.Delete, key, null, out Operation operation);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Delete(HoldfastKey, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Delete(HoldfastKey key, RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Delete, key, options, out Operation operation);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Delete(HoldfastKey, CancellationToken)"/>
    public virtual ValueTask<bool> DeleteAsync(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Begin(Op.Delete, key, null, out Operation operation);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Delete(HoldfastKey, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<bool> DeleteAsync(
        HoldfastKey key,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Delete, key, options, out Operation operation);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <summary>Deletes an entry if it has a version. Gives false when there is none.</summary>
    /// <param name="key">The key.</param>
    /// <param name="version">The version that the entry must have.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="HoldfastException">The entry has another version: <see cref="HoldfastErrorCode.VersionMismatch"/>.</exception>
    public virtual bool Delete(HoldfastKey key, long version, CancellationToken cancellationToken = default)
    {
        Begin(Op.Delete, key, null, out Operation operation);
        operation.Request.version = version;
        operation.Add(RequestFlags.IfVersion);
        return Send<bool, DeletedReader>(ref operation, new DeletedReader(key, version), cancellationToken);
    }

    /// <inheritdoc cref="Delete(HoldfastKey, long, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="version">The version that the entry must have.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Delete(
        HoldfastKey key,
        long version,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Delete, key, options, out Operation operation);
        operation.Request.version = version;
        operation.Add(RequestFlags.IfVersion);
        return Send<bool, DeletedReader>(ref operation, new DeletedReader(key, version), cancellationToken);
    }

    /// <inheritdoc cref="Delete(HoldfastKey, long, CancellationToken)"/>
    public virtual ValueTask<bool> DeleteAsync(
        HoldfastKey key,
        long version,
        CancellationToken cancellationToken = default)
    {
        Begin(Op.Delete, key, null, out Operation operation);
        operation.Request.version = version;
        operation.Add(RequestFlags.IfVersion);
        return SendAsync<bool, DeletedReader>(ref operation, new DeletedReader(key, version), cancellationToken);
    }

    /// <inheritdoc cref="Delete(HoldfastKey, long, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<bool> DeleteAsync(
        HoldfastKey key,
        long version,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Delete, key, options, out Operation operation);
        operation.Request.version = version;
        operation.Add(RequestFlags.IfVersion);
        return SendAsync<bool, DeletedReader>(ref operation, new DeletedReader(key, version), cancellationToken);
    }

    /// <summary>Deletes an entry if it has a version. Gives whether it was deleted.</summary>
    /// <param name="key">The key.</param>
    /// <param name="version">The version that the entry must have.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool TryDelete(HoldfastKey key, long version, CancellationToken cancellationToken = default)
    {
        Begin(Op.Delete, key, null, out Operation operation);
        operation.Request.version = version;
        operation.Add(RequestFlags.IfVersion);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="TryDelete(HoldfastKey, long, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="version">The version that the entry must have.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool TryDelete(
        HoldfastKey key,
        long version,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Delete, key, options, out Operation operation);
        operation.Request.version = version;
        operation.Add(RequestFlags.IfVersion);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="TryDelete(HoldfastKey, long, CancellationToken)"/>
    public virtual ValueTask<bool> TryDeleteAsync(
        HoldfastKey key,
        long version,
        CancellationToken cancellationToken = default)
    {
        Begin(Op.Delete, key, null, out Operation operation);
        operation.Request.version = version;
        operation.Add(RequestFlags.IfVersion);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="TryDelete(HoldfastKey, long, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<bool> TryDeleteAsync(
        HoldfastKey key,
        long version,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Delete, key, options, out Operation operation);
        operation.Request.version = version;
        operation.Add(RequestFlags.IfVersion);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <summary>Deletes an entry and gives its value, under the deletion's version.</summary>
    /// <typeparam name="T">The type that the value is read as.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual Lookup<T> GetAndDelete<T>(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Begin(Op.Delete, key, null, out Operation operation);
        operation.Add(RequestFlags.ReturnPrevious);
        return Send<Lookup<T>, PreviousReader<T>>(ref operation, new PreviousReader<T>(Context, key, null), cancellationToken);
    }

    /// <inheritdoc cref="GetAndDelete{T}(HoldfastKey, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual Lookup<T> GetAndDelete<T>(
        HoldfastKey key,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Delete, key, options, out Operation operation);
        operation.Add(RequestFlags.ReturnPrevious);
        return Send<Lookup<T>, PreviousReader<T>>(ref operation, new PreviousReader<T>(Context, key, null), cancellationToken);
    }

    /// <inheritdoc cref="GetAndDelete{T}(HoldfastKey, CancellationToken)"/>
    public virtual ValueTask<Lookup<T>> GetAndDeleteAsync<T>(
        HoldfastKey key,
        CancellationToken cancellationToken = default)
    {
        Begin(Op.Delete, key, null, out Operation operation);
        operation.Add(RequestFlags.ReturnPrevious);
        return SendAsync<Lookup<T>, PreviousReader<T>>(ref operation, new PreviousReader<T>(Context, key, null), cancellationToken);
    }

    /// <inheritdoc cref="GetAndDelete{T}(HoldfastKey, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<Lookup<T>> GetAndDeleteAsync<T>(
        HoldfastKey key,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Delete, key, options, out Operation operation);
        operation.Add(RequestFlags.ReturnPrevious);
        return SendAsync<Lookup<T>, PreviousReader<T>>(ref operation, new PreviousReader<T>(Context, key, null), cancellationToken);
    }
}
