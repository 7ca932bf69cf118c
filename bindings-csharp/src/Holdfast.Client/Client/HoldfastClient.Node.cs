using Holdfast.Interop;

namespace Holdfast;

/// <content>Stats, the connection, and the manual clock.</content>
public partial class HoldfastClient
{
    /// <summary>
    /// Raised when a connection to a server was made or lost, on the thread pool, one change after the other in their
    /// order. The sender is the client, for its views too. A client of an embedded node raises none.
    /// </summary>
    public virtual event EventHandler<HoldfastConnectionStateChangedEventArgs>? ConnectionStateChanged
    {
        add => States.Changed += value;
        remove => States.Changed -= value;
    }

    /// <summary>How the client stands to its nodes now. Reading it connects nothing and never waits.</summary>
    public virtual HoldfastConnectionState ConnectionState => States.State;

    /// <summary>The name of the node that the client is, or was last, connected to; empty before it was.</summary>
    public virtual string NodeName => Opened.Native.IsRemote ? States.NodeName : Opened.Native.EmbeddedNodeName;

    private ConnectionStates States => (_connection ?? throw NotConnected()).States;

    /// <summary>Asks a node for an answer, and measures how long that takes.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="HoldfastException">No node could be reached: <see cref="HoldfastErrorCode.Unavailable"/>.</exception>
    /// <exception cref="HoldfastTimeoutException">The node did not answer in time.</exception>
    public virtual HoldfastPing Ping(CancellationToken cancellationToken = default)
    {
        BeginPing(null, out Operation operation);
        return Send<HoldfastPing, PingReader>(ref operation, PingReader.Now(), cancellationToken);
    }

    /// <inheritdoc cref="Ping(CancellationToken)"/>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual HoldfastPing Ping(RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginPing(options, out Operation operation);
        return Send<HoldfastPing, PingReader>(ref operation, PingReader.Now(), cancellationToken);
    }

    /// <inheritdoc cref="Ping(CancellationToken)"/>
    public virtual ValueTask<HoldfastPing> PingAsync(CancellationToken cancellationToken = default)
    {
        BeginPing(null, out Operation operation);
        return SendAsync<HoldfastPing, PingReader>(ref operation, PingReader.Now(), cancellationToken);
    }

    /// <inheritdoc cref="Ping(RequestOptions, CancellationToken)"/>
    public virtual ValueTask<HoldfastPing> PingAsync(RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginPing(options, out Operation operation);
        return SendAsync<HoldfastPing, PingReader>(ref operation, PingReader.Now(), cancellationToken);
    }

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
        return SendWithoutResultAsync<long, NumberReader>(ref operation, default, cancellationToken);
    }

    private void BeginPing(RequestOptions? options, out Operation operation) =>
        Begin(Op.Ping, default, options, out operation);

    private static void BeginAdvance(TimeSpan duration, out Operation operation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(duration, TimeSpan.Zero);
        operation = default;
        operation.Op = Op.AdvanceClock;
        operation.Request.delta = Milliseconds.Ceiling(duration);
    }
}
