using System.Diagnostics.CodeAnalysis;

namespace Holdfast;

/// <summary>An entry that a scan met.</summary>
/// <typeparam name="T">The type that the value is read as.</typeparam>
[SuppressMessage("Performance", "CA1815", Justification = "Entries are never compared, and values need not be comparable.")]
public readonly struct ScanEntry<T>
{
    /// <summary>An entry.</summary>
    /// <param name="key">Its key, without the prefix of a view.</param>
    /// <param name="value">Its value.</param>
    /// <param name="version">Its version.</param>
    /// <param name="expiresAt">When it expires.</param>
    public ScanEntry(HoldfastKey key, T value, long version, DateTimeOffset? expiresAt)
    {
        Key = key;
        Value = value;
        Version = version;
        ExpiresAt = expiresAt;
    }

    /// <summary>The key, without the prefix of a view. A key of bytes; <see cref="HoldfastKey.ToString"/> shows its text.</summary>
    public HoldfastKey Key { get; }

    /// <summary>The value.</summary>
    public T Value { get; }

    /// <summary>The revision that last changed the entry.</summary>
    public long Version { get; }

    /// <summary>When the entry expires unless it is read or changed, by the client's clock; null: never.</summary>
    public DateTimeOffset? ExpiresAt { get; }

    /// <summary>The entry for people.</summary>
    public override string ToString() => $"{Key} = {Value}";
}
