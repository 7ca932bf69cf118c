namespace Holdfast.Benchmarks.Remote;

/// <summary>One kind of call to a server. A struct, so that the loop around it is compiled for it alone.</summary>
internal interface IRemoteCall<TResult>
{
    /// <summary>Begins the call. What it costs belongs to the contestant: nothing is allocated around it.</summary>
    ValueTask<TResult> MakeAsync(string key);

    /// <summary>A get that misses throws: a benchmark of hits that misses measures something else.</summary>
    void Check(TResult result, string key);
}

/// <summary>One kind of call that has no result.</summary>
internal interface IRemoteChange
{
    /// <summary>Begins the call.</summary>
    Task MakeAsync(string key);
}
