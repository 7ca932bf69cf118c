using Holdfast.Benchmarks.Loops;

namespace Holdfast.Benchmarks.Drivers;

/// <summary>Two kinds of call that are measured in turn.</summary>
internal sealed class Contest
{
    internal required string Name { get; init; }

    internal required CallLoop Subject { get; init; }

    internal required string SubjectName { get; init; }

    internal required CallLoop Peer { get; init; }

    internal required string PeerName { get; init; }

    /// <summary>The most that the subject may take, in times of the peer's time.</summary>
    internal double? BarRatio { get; init; }

    /// <summary>The most nanoseconds that the subject may take more than the peer.</summary>
    internal double? BarNanoseconds { get; init; }
}
