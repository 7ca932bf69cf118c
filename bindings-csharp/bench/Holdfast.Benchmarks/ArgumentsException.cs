namespace Holdfast.Benchmarks;

/// <summary>The command line asks for something that there is not.</summary>
internal sealed class ArgumentsException(string message) : Exception(message);
