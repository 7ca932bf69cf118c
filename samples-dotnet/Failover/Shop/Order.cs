namespace Failover.Shop;

/// <summary>What a customer wants.</summary>
public sealed record Order(string Product, int Count);
