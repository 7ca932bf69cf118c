namespace Holdfast;

/// <summary>What a store is for.</summary>
public enum HoldfastStoreClass
{
    /// <summary>Ordered keys, never evicts: a store that is full refuses changes.</summary>
    Coordination = 0,

    /// <summary>Spread over all cache groups, keeps to a memory budget by evicting.</summary>
    Cache = 1,
}
