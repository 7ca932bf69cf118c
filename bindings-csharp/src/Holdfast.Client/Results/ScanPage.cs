namespace Holdfast;

/// <summary>One page of a scan.</summary>
/// <typeparam name="T">What it is a page of.</typeparam>
public sealed class ScanPage<T>
{
    /// <summary>One page.</summary>
    /// <param name="entries">What it has.</param>
    /// <param name="next">Where the next page begins; null: there is none.</param>
    public ScanPage(IReadOnlyList<T> entries, ScanCursor? next)
    {
        Entries = entries;
        Next = next;
    }

    /// <summary>The entries; a page may be short or empty although others follow.</summary>
    public IReadOnlyList<T> Entries { get; }

    /// <summary>Where the next page begins; null when the scan is over.</summary>
    public ScanCursor? Next { get; }
}
