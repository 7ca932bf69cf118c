namespace Holdfast;

/// <summary>What makes two makings of a value the same: the nodes, store, key and type.</summary>
internal readonly struct FlightKey(string target, string store, byte[] key, Type type) : IEquatable<FlightKey>
{
    private readonly string _target = target;
    private readonly string _store = store;
    private readonly byte[] _key = key;
    private readonly Type _type = type;

    public bool Equals(FlightKey other) =>
        _type == other._type && _store == other._store && _target == other._target && _key.AsSpan().SequenceEqual(other._key);

    public override bool Equals(object? obj) => obj is FlightKey other && Equals(other);

    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.AddBytes(_key);
        hash.Add(_store);
        return hash.ToHashCode();
    }
}
