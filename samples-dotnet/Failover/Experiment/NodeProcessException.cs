namespace Failover.Experiment;

/// <summary>A node could not be started, or the nodes did not form a cluster.</summary>
public sealed class NodeProcessException(string message) : Exception(message);
