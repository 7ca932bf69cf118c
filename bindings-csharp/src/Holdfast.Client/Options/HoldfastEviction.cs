namespace Holdfast;

/// <summary>What a store does when its memory budget is used up.</summary>
public enum HoldfastEviction
{
    /// <summary>Evicts by S3-FIFO, which survives scans.</summary>
    S3Fifo = 0,

    /// <summary>Refuses changes with <see cref="HoldfastErrorCode.StoreFull"/>.</summary>
    None = 1,
}
