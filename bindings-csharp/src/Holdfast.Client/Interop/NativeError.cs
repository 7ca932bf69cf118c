using System.Text;

namespace Holdfast.Interop;

/// <summary>Replies that are no success, as exceptions. Decided by code and status, never by message.</summary>
internal static class NativeError
{
    internal static Exception Of(in Reply reply, CancellationToken cancellationToken) => reply.Status switch
    {
        Status.Error => Of(reply.Code, Encoding.UTF8.GetString(reply.Data), reply.Flags, cancellationToken),
        Status.Cancelled => new HoldfastCanceledException(
            "The operation was cancelled.", OutcomeOf(reply.Flags), cancellationToken),
        Status.Closed => Disposed(),
        Status.Panicked => new HoldfastException(
            HoldfastErrorCode.Internal,
            $"Native code panicked: {Encoding.UTF8.GetString(reply.Data)}",
            HoldfastOutcome.Unknown),
        _ => new HoldfastException(
            HoldfastErrorCode.Internal, $"Native code answered with status {(uint)reply.Status}.", HoldfastOutcome.Unknown),
    };

    internal static Exception Of(
        HoldfastErrorCode code,
        string message,
        ReplyFlags flags,
        CancellationToken cancellationToken)
    {
        HoldfastOutcome outcome = OutcomeOf(flags);
        bool isTransient = (flags & ReplyFlags.Transient) != 0;
        return code switch
        {
            HoldfastErrorCode.Timeout => new HoldfastTimeoutException(message, outcome, isTransient),
            HoldfastErrorCode.Cancelled => new HoldfastCanceledException(message, outcome, cancellationToken),
            HoldfastErrorCode.Closed => Disposed(),
            _ => new HoldfastException(code, message, outcome, isTransient),
        };
    }

    internal static ObjectDisposedException Disposed() => new(nameof(HoldfastClient), "The Holdfast client is disposed.");

    private static HoldfastOutcome OutcomeOf(ReplyFlags flags) =>
        (flags & ReplyFlags.OutcomeUnknown) != 0 ? HoldfastOutcome.Unknown : HoldfastOutcome.NotApplied;
}
