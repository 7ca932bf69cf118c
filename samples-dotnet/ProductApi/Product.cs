namespace ProductApi;

/// <summary>A product with what its reviews say.</summary>
public sealed record Product(int Id, string Name, decimal Price, int Reviews, double Stars);

/// <summary>What an update changes.</summary>
public sealed record ProductChange(string Name, decimal Price);
