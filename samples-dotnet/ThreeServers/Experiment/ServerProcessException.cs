namespace ThreeServers.Experiment;

/// <summary>A process of the experiment could not be started.</summary>
public sealed class ServerProcessException(string message) : Exception(message);
