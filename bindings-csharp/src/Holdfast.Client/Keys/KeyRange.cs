namespace Holdfast;

/// <summary>
/// Which keys of a store a scan, a count or a clear means: all, those with a prefix, or those between two
/// bounds, bytewise. <see langword="default"/> is <see cref="All"/>.
/// </summary>
public readonly struct KeyRange : IEquatable<KeyRange>
{
    private readonly Shape _shape;
    private readonly HoldfastKey _first;
    private readonly HoldfastKey _end;

    private KeyRange(Shape shape, HoldfastKey first, HoldfastKey end)
    {
        _shape = shape;
        _first = first;
        _end = end;
    }

    private enum Shape
    {
        All,
        Prefix,
        Between,
    }

    /// <summary>All keys.</summary>
    public static KeyRange All => default;

    internal bool IsAll => _shape == Shape.All;

    internal bool IsPrefix => _shape == Shape.Prefix;

    internal HoldfastKey First => _first;

    internal HoldfastKey End => _end;

    /// <summary>Whether two ranges are the same.</summary>
    /// <param name="left">One range.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(KeyRange left, KeyRange right) => left.Equals(right);

    /// <summary>Whether two ranges differ.</summary>
    /// <param name="left">One range.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(KeyRange left, KeyRange right) => !left.Equals(right);

    /// <summary>The keys that begin with a prefix.</summary>
    /// <param name="prefix">The prefix.</param>
    /// <exception cref="ArgumentNullException">The prefix is null.</exception>
    public static KeyRange Prefix(HoldfastKey prefix) =>
        prefix.IsNull ? throw new ArgumentNullException(nameof(prefix)) : new(Shape.Prefix, prefix, default);

    /// <summary>The keys from <paramref name="first"/> (inclusive) to <paramref name="end"/> (exclusive).</summary>
    /// <param name="first">The first key; null or empty: from the beginning.</param>
    /// <param name="end">The key after the last; null or empty: to the end.</param>
    public static KeyRange Between(HoldfastKey first, HoldfastKey end) => new(Shape.Between, first, end);

    /// <inheritdoc/>
    public bool Equals(KeyRange other) => _shape == other._shape && _first == other._first && _end == other._end;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is KeyRange other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_shape, _first, _end);

    /// <summary>The range for people.</summary>
    public override string ToString() => _shape switch
    {
        Shape.All => "all keys",
        Shape.Prefix => $"keys with prefix \"{_first}\"",
        _ => $"keys from \"{_first}\" to \"{_end}\"",
    };
}
