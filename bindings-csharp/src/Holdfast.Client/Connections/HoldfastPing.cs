namespace Holdfast;

/// <summary>A node's answer to a ping.</summary>
public sealed class HoldfastPing
{
    /// <summary>From the call to its answer, as the caller sees it.</summary>
    public TimeSpan RoundTrip { get; init; }

    /// <summary>The name of the node that answered.</summary>
    public string NodeName { get; init; } = "";

    /// <summary>Where it answered; null when the node is embedded.</summary>
    public HoldfastEndpoint? Endpoint { get; init; }

    /// <summary>The node's epoch, new whenever it had to start without what it held before.</summary>
    public long Epoch { get; init; }

    /// <summary>The node and the time, for logs.</summary>
    public override string ToString() => Endpoint is null
        ? $"{NodeName}: {RoundTrip.TotalMilliseconds:0.###} ms"
        : $"{NodeName} at {Endpoint}: {RoundTrip.TotalMilliseconds:0.###} ms";
}
