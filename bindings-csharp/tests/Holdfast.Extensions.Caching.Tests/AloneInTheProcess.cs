namespace Holdfast.Extensions.Caching.Tests;

/// <summary>Tests that change or listen to something that the whole process shares.</summary>
[CollectionDefinition(nameof(AloneInTheProcess), DisableParallelization = true)]
public sealed class AloneInTheProcess;
