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
        Begin(Op.Refresh, key, null, out Operation operation);
        return Send<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Touch(HoldfastKey, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Touch(HoldfastKey key, RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Refresh, key, options, out Operation operation);
        return Send<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Touch(HoldfastKey, CancellationToken)"/>
    public virtual ValueTask<bool> TouchAsync(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Begin(Op.Refresh, key, null, out Operation operation);
        return SendAsync<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Touch(HoldfastKey, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<bool> TouchAsync(
        HoldfastKey key,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.Refresh, key, options, out Operation operation);
        return SendAsync<bool, FoundReader>(ref operation, default, cancellationToken);
    }

    /// <summary>Replaces all expiry settings of an entry without touching its value. Gives whether there is an entry.</summary>
    /// <param name="key">The key.</param>
    /// <param name="ttl">Time to live from now on, 1 ms to 100 years.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Expire(HoldfastKey key, TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        BeginExpire(key, Expiry.OfTtl(ttl, nameof(ttl)), null, out Operation operation);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Expire(HoldfastKey, TimeSpan, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="options">When the entry expires, and how the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Expire(HoldfastKey key, ExpiryOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginExpire(key, options.Resolve(TimeProvider), options, out Operation operation);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Expire(HoldfastKey, TimeSpan, CancellationToken)"/>
    public virtual ValueTask<bool> ExpireAsync(HoldfastKey key, TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        BeginExpire(key, Expiry.OfTtl(ttl, nameof(ttl)), null, out Operation operation);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Expire(HoldfastKey, ExpiryOptions, CancellationToken)"/>
    public virtual ValueTask<bool> ExpireAsync(
        HoldfastKey key,
        ExpiryOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginExpire(key, options.Resolve(TimeProvider), options, out Operation operation);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <summary>Removes all expiry settings of an entry without touching its value. Gives whether there is an entry.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Persist(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Begin(Op.SetExpiry, key, null, out Operation operation);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Persist(HoldfastKey, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual bool Persist(HoldfastKey key, RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.SetExpiry, key, options, out Operation operation);
        return Send<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Persist(HoldfastKey, CancellationToken)"/>
    public virtual ValueTask<bool> PersistAsync(HoldfastKey key, CancellationToken cancellationToken = default)
    {
        Begin(Op.SetExpiry, key, null, out Operation operation);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Persist(HoldfastKey, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<bool> PersistAsync(
        HoldfastKey key,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Begin(Op.SetExpiry, key, options, out Operation operation);
        return SendAsync<bool, AppliedReader>(ref operation, default, cancellationToken);
    }

    private void BeginExpire(
        scoped in HoldfastKey key,
        scoped in Expiry expiry,
        RequestOptions? options,
        out Operation operation)
    {
        Begin(Op.SetExpiry, key, options, out operation);
        expiry.WriteTo(ref operation.Request);
    }
}
