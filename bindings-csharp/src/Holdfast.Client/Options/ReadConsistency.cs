using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>
/// How fresh reads are where a cluster has several replicas of what they read. Of a node that is alone, embedded or
/// not, every read is linearizable. It means nothing to changes and to batches.
/// </summary>
public readonly struct ReadConsistency : IEquatable<ReadConsistency>
{
    private readonly Freshness _freshness;

    private ReadConsistency(Freshness freshness, uint maxStalenessMs = 0)
    {
        _freshness = freshness;
        MaxStalenessMs = maxStalenessMs;
    }

    /// <summary>A read shows every change that was acknowledged before it began. The default.</summary>
    public static ReadConsistency Linearizable => default;

    /// <summary>
    /// A read shows what the node that is asked has, however old: also one that is cut off from the others answers.
    /// </summary>
    public static ReadConsistency Local => new(Freshness.Local);

    /// <summary>The most that what is read may be old; null unless it is <see cref="Bounded(TimeSpan)"/>.</summary>
    public TimeSpan? MaxStaleness => _freshness == Freshness.Bounded ? TimeSpan.FromMilliseconds(MaxStalenessMs) : null;

    /// <summary>As requests have it; never that of the client, which is what a request has without one.</summary>
    internal Freshness Freshness => _freshness == Freshness.OfClient ? Freshness.Linearizable : _freshness;

    internal uint MaxStalenessMs { get; }

    /// <summary>
    /// A read shows every change that was acknowledged so long before it began, and maybe later ones. Any replica
    /// answers it, without asking the others as long as it knows that it is fresh enough.
    /// </summary>
    /// <param name="maxStaleness">The most that what is read may be old, above zero, in whole milliseconds, rounded up; at most 49 days.</param>
    public static ReadConsistency Bounded(TimeSpan maxStaleness)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(maxStaleness, TimeSpan.Zero);
        long milliseconds = Milliseconds.Ceiling(maxStaleness);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(milliseconds, uint.MaxValue, nameof(maxStaleness));
        return new ReadConsistency(Freshness.Bounded, (uint)milliseconds);
    }

    /// <summary>Whether two are the same.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(ReadConsistency left, ReadConsistency right) => left.Equals(right);

    /// <summary>Whether two differ.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(ReadConsistency left, ReadConsistency right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(ReadConsistency other) => (Freshness, MaxStalenessMs) == (other.Freshness, other.MaxStalenessMs);

    /// <inheritdoc/>
    public override bool Equals([NotNullWhen(true)] object? obj) => obj is ReadConsistency other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Freshness, MaxStalenessMs);

    /// <summary>As connection strings have it: <c>linearizable</c>, <c>bounded:500ms</c> or <c>local</c>.</summary>
    public override string ToString() => _freshness switch
    {
        Freshness.Bounded => string.Create(CultureInfo.InvariantCulture, $"bounded:{MaxStalenessMs}ms"),
        Freshness.Local => "local",
        _ => "linearizable",
    };
}
