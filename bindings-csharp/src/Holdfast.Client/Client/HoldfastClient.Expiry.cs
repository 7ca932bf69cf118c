using Holdfast.Interop;

namespace Holdfast;

/// <content>Touch, Expire, Persist.</content>
public partial class HoldfastClient
{
    /// <summary>Slides a sliding deadline as a read does. Gives whether there is an entry.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Touch(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Operation operation = Begin(Op.Refresh, key, null);
        return Send<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Touch(HoldfastKey, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Touch(HoldfastKey key, RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Operation operation = Begin(Op.Refresh, key, options);
        return Send<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Touch(HoldfastKey, CancellationToken)"/>
    public virtual ValueTask<bool> TouchAsync(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Operation operation = Begin(Op.Refresh, key, null);
        return SendAsync<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Touch(HoldfastKey, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<bool> TouchAsync(
        HoldfastKey key,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Operation operation = Begin(Op.Refresh, key, options);
        return SendAsync<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    /// <summary>Replaces all expiry settings of an entry without touching its value. Gives whether there is an entry.</summary>
    /// <param name="key">The key.</param>
    /// <param name="ttl">Time to live from now on, 1 ms to 100 years.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Expire(HoldfastKey key, TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        Operation operation = BeginExpire(key, Expiry.OfTtl(ttl, nameof(ttl)), null);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Expire(HoldfastKey, TimeSpan, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Expire(HoldfastKey key, ExpiryOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Operation operation = BeginExpire(key, options.Resolve(TimeProvider), options);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Expire(HoldfastKey, TimeSpan, CancellationToken)"/>
    public virtual ValueTask<bool> ExpireAsync(HoldfastKey key, TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        Operation operation = BeginExpire(key, Expiry.OfTtl(ttl, nameof(ttl)), null);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Expire(HoldfastKey, ExpiryOptions, CancellationToken)"/>
    public virtual ValueTask<bool> ExpireAsync(
        HoldfastKey key,
        ExpiryOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Operation operation = BeginExpire(key, options.Resolve(TimeProvider), options);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <summary>Removes all expiry settings of an entry without touching its value. Gives whether there is an entry.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Persist(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Operation operation = Begin(Op.SetExpiry, key, null);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Persist(HoldfastKey, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Persist(HoldfastKey key, RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Operation operation = Begin(Op.SetExpiry, key, options);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Persist(HoldfastKey, CancellationToken)"/>
    public virtual ValueTask<bool> PersistAsync(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Operation operation = Begin(Op.SetExpiry, key, null);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Persist(HoldfastKey, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<bool> PersistAsync(
        HoldfastKey key,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Operation operation = Begin(Op.SetExpiry, key, options);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    private Operation BeginExpire(scoped in HoldfastKey key, scoped in Expiry expiry, RequestOptions? options)
    {
        Operation operation = Begin(Op.SetExpiry, key, options);
        expiry.WriteTo(ref operation.Request);
        return operation;
    }
}
