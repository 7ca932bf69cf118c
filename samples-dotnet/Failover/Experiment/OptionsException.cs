namespace Failover.Experiment;

/// <summary>The command line asks for something that there is not.</summary>
public sealed class OptionsException(string message) : Exception(message);
