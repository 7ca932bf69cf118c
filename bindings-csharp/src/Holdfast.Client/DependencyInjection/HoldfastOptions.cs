namespace Holdfast;

/// <summary>
/// What <c>AddHoldfast</c> registers: the connection, and the settings of the stores that are used over it.
/// Bound from a section <c>Holdfast: { ConnectionString, Stores: { orders: { MaxMemory: "64MiB" } } }</c>.
/// Fixed when the client is made: a later reload of the configuration is only logged.
/// </summary>
public class HoldfastOptions : HoldfastClientOptions
{
    /// <summary>
    /// Settings of stores by name. A store that is not named here has the defaults of its class. The settings of the
    /// connection string's own store are those of this object itself.
    /// </summary>
    public IDictionary<string, HoldfastStoreOptions> Stores { get; } =
        new Dictionary<string, HoldfastStoreOptions>(StringComparer.Ordinal);

    /// <summary>Stores that a distributed cache uses over this connection: of class cache unless told otherwise.</summary>
    internal HashSet<string> CacheStores { get; } = new(StringComparer.Ordinal);

    /// <summary>The settings with which a view opens a store.</summary>
    internal HoldfastStoreOptions? SettingsOf(string store) => Stores.TryGetValue(store, out var given) ? given : null;

    /// <summary>The class that a view gives a store that it makes and of which nobody says the class.</summary>
    internal HoldfastStoreClass? DefaultClassOf(string store) => CacheStores.Contains(store) ? HoldfastStoreClass.Cache : null;
}
