namespace Holdfast;

/// <summary>What every call can be told.</summary>
public class RequestOptions
{
    /// <summary>How long the whole call may take; the client's timeout when null.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>How fresh the call's reads are; as the client's when null. It means nothing to changes and to batches.</summary>
    public ReadConsistency? ReadConsistency { get; init; }

    internal uint TimeoutMs => Timeout is not { } timeout
        ? 0
        : (uint)Math.Min(Milliseconds.Ceiling(timeout, nameof(Timeout)), uint.MaxValue);
}
