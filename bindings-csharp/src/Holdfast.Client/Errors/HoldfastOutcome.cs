namespace Holdfast;

/// <summary>What a failed change may have done.</summary>
public enum HoldfastOutcome
{
    /// <summary>Nothing was changed.</summary>
    NotApplied = 0,

    /// <summary>The change may or may not have been applied: whoever must know reads the entry again.</summary>
    Unknown = 1,
}
