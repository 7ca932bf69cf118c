using System.Diagnostics.CodeAnalysis;

namespace Holdfast;

/// <summary>What a read found: an entry or none.</summary>
/// <typeparam name="T">The type that the value is read as.</typeparam>
[SuppressMessage("Performance", "CA1815", Justification = "Two lookups are never compared, and values need not be comparable.")]
public readonly struct Lookup<T>
{
    private readonly T _value;

    /// <summary>An entry that was found.</summary>
    /// <param name="value">Its value.</param>
    /// <param name="version">Its version.</param>
    /// <param name="expiresAt">When it expires.</param>
    public Lookup(T value, long version, DateTimeOffset? expiresAt = null)
    {
        Found = true;
        _value = value;
        Version = version;
        ExpiresAt = expiresAt;
    }

    /// <summary>Whether there was an entry.</summary>
    public bool Found { get; }

    /// <summary>The entry's value.</summary>
    /// <exception cref="InvalidOperationException">There was no entry.</exception>
    public T Value => Found ? _value : throw new InvalidOperationException("There is no entry: Found is false.");

    /// <summary>The revision that last changed the entry, 0 without one. Opaque and growing.</summary>
    public long Version { get; }

    /// <summary>When the entry expires unless it is read or changed, by the client's clock; null: never.</summary>
    public DateTimeOffset? ExpiresAt { get; }

    /// <summary>The value, or a default when there was no entry.</summary>
    /// <param name="missing">What stands for no entry.</param>
    public T? GetValueOrDefault(T? missing = default) => Found ? _value : missing;

    /// <summary>Whether there was an entry, and its value.</summary>
    /// <param name="value">The value, or a default.</param>
    public bool TryGetValue([MaybeNullWhen(false)] out T value)
    {
        value = _value;
        return Found;
    }

    /// <summary>The value for people.</summary>
    public override string ToString() => Found ? $"{_value} (version {Version})" : "no entry";
}
