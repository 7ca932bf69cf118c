namespace Holdfast;

/// <summary>What <see cref="HoldfastClient.ConnectionStateChanged"/> tells.</summary>
public class HoldfastConnectionStateChangedEventArgs : EventArgs
{
    /// <summary>The state now.</summary>
    public HoldfastConnectionState State { get; init; }

    /// <summary>The node that it is about; null when there is none yet.</summary>
    public HoldfastEndpoint? Endpoint { get; init; }

    /// <summary>The node's name; null when it is not known.</summary>
    public string? NodeName { get; init; }

    /// <summary>
    /// Of <see cref="HoldfastConnectionState.Connected"/>: the node's epoch, new whenever the node had to start without
    /// what it held before; 0 when it is not known.
    /// </summary>
    public long Epoch { get; init; }

    /// <summary>
    /// Of <see cref="HoldfastConnectionState.Connected"/>: whether the node has lost what it held in memory since this
    /// client was connected last. Versions, cursors and counters from before mean nothing any more.
    /// </summary>
    public bool EpochChanged { get; init; }

    /// <summary>Why the connection was lost or could not be made, for people.</summary>
    public string? Reason { get; init; }
}
