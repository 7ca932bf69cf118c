namespace Holdfast;

/// <summary>What every exception of Holdfast says about itself, whatever its base class is.</summary>
public interface IHoldfastError
{
    /// <summary>Why the operation failed.</summary>
    HoldfastErrorCode Code { get; }

    /// <summary>Whether a change may have been applied although it failed.</summary>
    HoldfastOutcome Outcome { get; }

    /// <summary>True if the same call may succeed later without anyone having changed anything.</summary>
    bool IsTransient { get; }
}
