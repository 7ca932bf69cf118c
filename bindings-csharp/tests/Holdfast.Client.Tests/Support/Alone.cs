namespace Holdfast.Tests;

/// <summary>Tests that measure the process or fill it with load: nothing else runs meanwhile.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class Alone
{
    public const string Name = "alone in the process";
}
