namespace Holdfast;

/// <summary>How a client stands to the nodes that it calls.</summary>
public enum HoldfastConnectionState
{
    /// <summary>It was not used yet: a client connects at its first call.</summary>
    Idle = 0,

    /// <summary>It is connecting for the first time. Calls wait for it within their timeout.</summary>
    Connecting = 1,

    /// <summary>It is connected. A client of an embedded node is so from its first use on.</summary>
    Connected = 2,

    /// <summary>The connection was lost, and the client connects again by itself. Calls wait for it within their timeout.</summary>
    Disconnected = 3,

    /// <summary>The client was disposed.</summary>
    Closed = 4,
}
