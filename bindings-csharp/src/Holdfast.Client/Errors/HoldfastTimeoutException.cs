namespace Holdfast;

/// <summary>An operation did not finish in its time.</summary>
public class HoldfastTimeoutException : TimeoutException, IHoldfastError
{
    /// <summary>An exception without details.</summary>
    public HoldfastTimeoutException()
        : this("A Holdfast operation ran out of time.")
    {
    }

    /// <summary>An exception whose outcome is unknown.</summary>
    /// <param name="message">What happened.</param>
    public HoldfastTimeoutException(string? message)
        : this(message, HoldfastOutcome.Unknown)
    {
    }

    /// <summary>An exception whose outcome is unknown.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public HoldfastTimeoutException(string? message, Exception? innerException)
        : this(message, HoldfastOutcome.Unknown, innerException: innerException)
    {
    }

    /// <summary>An exception with all that is known.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="outcome">Whether a change may have been applied.</param>
    /// <param name="isTransient">Whether the same call may succeed later.</param>
    /// <param name="innerException">The cause.</param>
    public HoldfastTimeoutException(
        string? message,
        HoldfastOutcome outcome,
        bool isTransient = true,
        Exception? innerException = null)
        : base(message, innerException)
    {
        Outcome = outcome;
        IsTransient = isTransient;
    }

    /// <inheritdoc/>
    public HoldfastErrorCode Code => HoldfastErrorCode.Timeout;

    /// <inheritdoc/>
    public HoldfastOutcome Outcome { get; }

    /// <inheritdoc/>
    public bool IsTransient { get; }
}
