namespace Holdfast;

/// <summary>How a scan goes through a range.</summary>
public sealed class ScanOptions : RequestOptions
{
    /// <summary>Backwards.</summary>
    public bool Descending { get; init; }

    /// <summary>Most entries of one page, 1 to 10,000.</summary>
    public int PageSize { get; init; } = 1_000;

    /// <summary>Where a scan of the same range and direction stopped; null: at the beginning.</summary>
    public ScanCursor? Cursor { get; init; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(PageSize, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(PageSize, 10_000);
    }
}
