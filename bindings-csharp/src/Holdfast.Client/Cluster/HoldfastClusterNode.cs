namespace Holdfast;

/// <summary>A node of a cluster.</summary>
public sealed class HoldfastClusterNode
{
    /// <summary>Names the node in its cluster; never reused.</summary>
    public int Id { get; init; }

    /// <summary>Its name.</summary>
    public string Name { get; init; } = "";

    /// <summary>Where clients reach it; null when it is embedded.</summary>
    public HoldfastEndpoint? Endpoint { get; init; }

    /// <summary>Nodes of one zone may fail together; empty when that is not said.</summary>
    public string Zone { get; init; } = "";

    /// <summary>Names this start of its process, in hexadecimal digits.</summary>
    public string Incarnation { get; init; } = "";

    /// <summary>How it is doing.</summary>
    public HoldfastNodeState State { get; init; }

    /// <summary>Why it is not up; empty when it is.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Of its build; empty when it is silent.</summary>
    public string Version { get; init; } = "";

    /// <summary>The newest that its build can use.</summary>
    public int FeatureLevel { get; init; }

    /// <summary>How many groups it leads.</summary>
    public int Leads { get; init; }

    /// <summary>How many groups it holds.</summary>
    public int Replicas { get; init; }

    /// <summary>How long its process runs; zero when it is silent.</summary>
    public TimeSpan Uptime { get; init; }

    /// <summary>Bytes that its stores take.</summary>
    public long MemoryUsed { get; init; }

    /// <summary>Bytes that they may take.</summary>
    public long MemoryLimit { get; init; }

    /// <summary>Its name and state, for logs.</summary>
    public override string ToString() => $"{Name}: {State}";
}
