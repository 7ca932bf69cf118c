namespace Holdfast.Benchmarks.Traces;

/// <summary>A cache that is asked for a key and takes it in when it does not have it.</summary>
internal interface ITracedCache
{
    /// <summary>Whether the key was there.</summary>
    bool Request(int key);
}
