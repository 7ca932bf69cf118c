using Holdfast.Interop;

namespace Holdfast;

/// <content>Stats and the manual clock.</content>
public partial class HoldfastClient
{
    /// <summary>The store's counters.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual StoreStats Stats(CancellationToken cancellationToken = default)
    {
        var operation = new Operation { Op = Op.Stats };
        return Send<StoreStats, StatsReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Stats(CancellationToken)"/>
    public virtual ValueTask<StoreStats> StatsAsync(CancellationToken cancellationToken = default)
    {
        var operation = new Operation { Op = Op.Stats };
        return SendAsync<StoreStats, StatsReader>(ref operation, default, cancellationToken);
    }

    /// <summary>
    /// Moves the node's manual clock (<c>?clock=manual</c>) on, and returns after what became due has expired: so
    /// that tests of expiry need not wait.
    /// </summary>
    /// <param name="duration">How far, in whole milliseconds, rounded up.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="HoldfastException">The clock is not manual: <see cref="HoldfastErrorCode.ClockNotManual"/>.</exception>
    public virtual void AdvanceClock(TimeSpan duration, CancellationToken cancellationToken = default)
    {
        BeginAdvance(duration, out Operation operation);
        Send<long, NumberReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="AdvanceClock(TimeSpan, CancellationToken)"/>
    public virtual ValueTask AdvanceClockAsync(TimeSpan duration, CancellationToken cancellationToken = default)
    {
        BeginAdvance(duration, out Operation operation);
        return WithoutResult(SendAsync<long, NumberReader>(ref operation, default, cancellationToken));
    }

    private static void BeginAdvance(TimeSpan duration, out Operation operation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(duration, TimeSpan.Zero);
        operation = default;
        operation.Op = Op.AdvanceClock;
        operation.Request.delta = Milliseconds.Ceiling(duration);
    }
}
