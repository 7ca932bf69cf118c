namespace Holdfast;

/// <summary>
/// An operation of Holdfast failed. <see cref="Code"/> says why; the message is for people.
/// Timeouts are <see cref="HoldfastTimeoutException"/>, cancellations
/// <see cref="HoldfastCanceledException"/>, bad arguments <see cref="ArgumentException"/>s.
/// </summary>
public class HoldfastException : Exception, IHoldfastError
{
    /// <summary>An exception without details.</summary>
    public HoldfastException()
        : this(HoldfastErrorCode.Internal, "A Holdfast operation failed.")
    {
    }

    /// <summary>An exception of code <see cref="HoldfastErrorCode.Internal"/>.</summary>
    /// <param name="message">What happened.</param>
    public HoldfastException(string? message)
        : this(HoldfastErrorCode.Internal, message)
    {
    }

    /// <summary>An exception of code <see cref="HoldfastErrorCode.Internal"/>.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public HoldfastException(string? message, Exception? innerException)
        : this(HoldfastErrorCode.Internal, message, innerException: innerException)
    {
    }

    /// <summary>An exception with all that is known.</summary>
    /// <param name="code">Why the operation failed.</param>
    /// <param name="message">What happened.</param>
    /// <param name="outcome">Whether a change may have been applied.</param>
    /// <param name="isTransient">Whether the same call may succeed later.</param>
    /// <param name="innerException">The cause.</param>
    public HoldfastException(
        HoldfastErrorCode code,
        string? message,
        HoldfastOutcome outcome = HoldfastOutcome.NotApplied,
        bool isTransient = false,
        Exception? innerException = null)
        : base(message, innerException)
    {
        Code = code;
        Outcome = outcome;
        IsTransient = isTransient;
    }

    /// <inheritdoc/>
    public HoldfastErrorCode Code { get; }

    /// <inheritdoc/>
    public HoldfastOutcome Outcome { get; }

    /// <inheritdoc/>
    public bool IsTransient { get; }

    /// <summary>
    /// With <see cref="HoldfastErrorCode.VersionMismatch"/> and <see cref="HoldfastErrorCode.AlreadyExists"/>:
    /// the version that the entry had instead, null when there is no entry.
    /// </summary>
    public long? CurrentVersion { get; init; }
}
