namespace Holdfast;

/// <summary>The caller cancelled an operation, before it was sent or while it was in flight.</summary>
public class HoldfastCanceledException : OperationCanceledException, IHoldfastError
{
    /// <summary>An exception without details.</summary>
    public HoldfastCanceledException()
        : this("A Holdfast operation was cancelled.")
    {
    }

    /// <summary>An exception whose outcome is unknown.</summary>
    /// <param name="message">What happened.</param>
    public HoldfastCanceledException(string? message)
        : this(message, HoldfastOutcome.Unknown, CancellationToken.None)
    {
    }

    /// <summary>An exception whose outcome is unknown.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public HoldfastCanceledException(string? message, Exception? innerException)
        : base(message, innerException)
    {
        Outcome = HoldfastOutcome.Unknown;
    }

    /// <summary>An exception with all that is known.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="outcome">Whether a change may have been applied.</param>
    /// <param name="cancellationToken">The caller's token.</param>
    public HoldfastCanceledException(string? message, HoldfastOutcome outcome, CancellationToken cancellationToken)
        : base(message, cancellationToken)
    {
        Outcome = outcome;
    }

    /// <inheritdoc/>
    public HoldfastErrorCode Code => HoldfastErrorCode.Cancelled;

    /// <inheritdoc/>
    public HoldfastOutcome Outcome { get; }

    /// <inheritdoc/>
    public bool IsTransient => false;

    internal static HoldfastCanceledException BeforeSending(CancellationToken cancellationToken) =>
        new("The operation was cancelled before it was sent.", HoldfastOutcome.NotApplied, cancellationToken);
}
