namespace ThreeServers.Shop;

/// <summary>What the shop sells.</summary>
public sealed record Product(int Id, string Name, decimal Price);

/// <summary>What an update changes.</summary>
public sealed record ProductChange(decimal Price);
