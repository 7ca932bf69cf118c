namespace Holdfast.Benchmarks.Loops;

/// <summary>One kind of call. A struct, so that a loop around it has no delegate or virtual call of its own.</summary>
internal interface ICall
{
    /// <summary>Makes the call. A get that misses throws: a benchmark of hits that misses measures something else.</summary>
    void Make(string key);
}
