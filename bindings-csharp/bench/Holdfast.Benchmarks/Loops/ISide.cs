namespace Holdfast.Benchmarks.Loops;

/// <summary>
/// Whose calls a loop makes. A struct as type argument gives each side code of its own: the compiler then sees one
/// implementation of the cache's interface in it and guesses right for both.
/// </summary>
internal interface ISide;

/// <summary>Holdfast.</summary>
internal readonly struct HoldfastSide : ISide;

/// <summary>Microsoft's cache in memory.</summary>
internal readonly struct MemorySide : ISide;

/// <summary>Redis, through StackExchange.Redis.</summary>
internal readonly struct RedisSide : ISide;
