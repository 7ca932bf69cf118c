namespace Holdfast;

/// <summary>What a change of a counter did.</summary>
public readonly struct CounterResult : IEquatable<CounterResult>
{
    /// <summary>What a change of a counter did.</summary>
    /// <param name="value">The counter after it.</param>
    /// <param name="previous">The counter before it.</param>
    /// <param name="version">The entry's new version.</param>
    public CounterResult(long value, long previous, long version)
    {
        Value = value;
        Previous = previous;
        Version = version;
    }

    /// <summary>The counter after the change.</summary>
    public long Value { get; }

    /// <summary>The counter before the change; its first value when it was created.</summary>
    public long Previous { get; }

    /// <summary>The entry's new version.</summary>
    public long Version { get; }

    /// <summary>Whether two results are the same.</summary>
    /// <param name="left">One result.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(CounterResult left, CounterResult right) => left.Equals(right);

    /// <summary>Whether two results differ.</summary>
    /// <param name="left">One result.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(CounterResult left, CounterResult right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(CounterResult other) =>
        Value == other.Value && Previous == other.Previous && Version == other.Version;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is CounterResult other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Value, Previous, Version);

    /// <summary>The change for people.</summary>
    public override string ToString() => $"{Previous} -> {Value}";
}
