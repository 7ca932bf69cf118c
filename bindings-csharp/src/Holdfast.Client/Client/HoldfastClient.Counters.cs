using Holdfast.Interop;

namespace Holdfast;

/// <content>Increment and Decrement.</content>
public partial class HoldfastClient
{
    /// <summary>
    /// Adds to a counter, which is made of 0 when the key does not exist. Gives the counter after the change.
    /// Any value that is the decimal text of a 64-bit integer is a counter.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="delta">How much.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="HoldfastException">
    /// The value is no number (<see cref="HoldfastErrorCode.NotANumber"/>), or the counter would leave 64 bits
    /// (<see cref="HoldfastErrorCode.CounterOutOfBounds"/>); nothing is changed then.
    /// </exception>
    public virtual long Increment(HoldfastKey key, long delta = 1, CancellationToken cancellationToken = default)
    {
        BeginIncrement(key, delta, null, out Operation operation);
        return Send<long, CounterValueReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Increment(HoldfastKey, long, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="delta">How much.</param>
    /// <param name="options">Bounds, first value and expiry.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual CounterResult Increment(
        HoldfastKey key,
        long delta,
        IncrementOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginIncrement(key, delta, options, out Operation operation);
        return Send<CounterResult, CounterReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Increment(HoldfastKey, long, CancellationToken)"/>
    public virtual ValueTask<long> IncrementAsync(
        HoldfastKey key,
        long delta = 1,
        CancellationToken cancellationToken = default)
    {
        BeginIncrement(key, delta, null, out Operation operation);
        return SendAsync<long, CounterValueReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Increment(HoldfastKey, long, IncrementOptions, CancellationToken)"/>
    public virtual ValueTask<CounterResult> IncrementAsync(
        HoldfastKey key,
        long delta,
        IncrementOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginIncrement(key, delta, options, out Operation operation);
        return SendAsync<CounterResult, CounterReader>(ref operation, default, cancellationToken);
    }

    /// <summary>
    /// Subtracts from a counter, which is made of 0 when the key does not exist. Gives the counter after the change.
    /// Any value that is the decimal text of a 64-bit integer is a counter.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="delta">How much.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="HoldfastException">
    /// The value is no number (<see cref="HoldfastErrorCode.NotANumber"/>), or the counter would leave 64 bits
    /// (<see cref="HoldfastErrorCode.CounterOutOfBounds"/>); nothing is changed then.
    /// </exception>
    public virtual long Decrement(HoldfastKey key, long delta = 1, CancellationToken cancellationToken = default)
    {
        BeginIncrement(key, Negated(delta), null, out Operation operation);
        return Send<long, CounterValueReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Decrement(HoldfastKey, long, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="delta">How much.</param>
    /// <param name="options">Bounds, first value and expiry.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual CounterResult Decrement(
        HoldfastKey key,
        long delta,
        IncrementOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginIncrement(key, Negated(delta), options, out Operation operation);
        return Send<CounterResult, CounterReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Decrement(HoldfastKey, long, CancellationToken)"/>
    public virtual ValueTask<long> DecrementAsync(
        HoldfastKey key,
        long delta = 1,
        CancellationToken cancellationToken = default)
    {
        BeginIncrement(key, Negated(delta), null, out Operation operation);
        return SendAsync<long, CounterValueReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Decrement(HoldfastKey, long, IncrementOptions, CancellationToken)"/>
    public virtual ValueTask<CounterResult> DecrementAsync(
        HoldfastKey key,
        long delta,
        IncrementOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginIncrement(key, Negated(delta), options, out Operation operation);
        return SendAsync<CounterResult, CounterReader>(ref operation, default, cancellationToken);
    }

    private static long Negated(long delta) => delta != long.MinValue
        ? -delta
        : throw new ArgumentOutOfRangeException(nameof(delta), delta, "The amount to subtract has no 64-bit negation.");

    private void BeginIncrement(
        scoped in HoldfastKey key,
        long delta,
        IncrementOptions? options,
        out Operation operation)
    {
        Begin(Op.Increment, key, options, out operation);
        HoldfastBatch.WriteIncrement(ref operation.Request, delta, options, TimeProvider);
    }
}
