using System.Text.Json.Serialization;
using Holdfast;

// A store in this process: nothing to install, nothing to start. With servers only this text changes.
await using var client = await HoldfastClient.ConnectAsync("holdfast://embedded/teststore");
Console.WriteLine($"Connected to store '{client.StoreName}', class {client.StoreClass}.");

Chapter("Put and get");
await client.PutAsync("product:1", "Laptop");
string? value = await client.GetAsync<string>("product:1");
Console.WriteLine($"product:1 is {value}.");
Console.WriteLine($"product:2 is {await client.GetAsync<string>("product:2") ?? "not there"}.");

Chapter("Typed values");
await client.PutAsync("product:3", new Product("Desk", 349.00m), QuickStartJson.Default.Product);
var desk = await client.GetAsync("product:3", QuickStartJson.Default.Product);
Console.WriteLine($"product:3 is a {desk?.Name} for {desk?.Price}.");

Chapter("Conditional write");
Lookup<string> read = await client.TryGetAsync<string>("product:1");
Console.WriteLine($"product:1 has version {read.Version}.");
long? mine = await client.TryReplaceAsync("product:1", "Laptop 14\"", read.Version);
long? late = await client.TryReplaceAsync("product:1", "Laptop 16\"", read.Version);
Console.WriteLine($"The first writer with that version wins: {Outcome(mine)}. The second is refused: {Outcome(late)}.");
Console.WriteLine($"product:1 is {await client.GetAsync<string>("product:1")}.");

Chapter("Counter");
for (var visitor = 1; visitor <= 3; visitor++)
{
    Console.WriteLine($"Visits: {await client.IncrementAsync("visits")}");
}

Chapter("Expiry");
// A node of its own with a clock that the program moves: half an hour passes without waiting for it.
await using var timed = await HoldfastClient.ConnectAsync("holdfast://embedded/sessions?node=quickstart&clock=manual");
await timed.PutAsync("session:7", "Ada", new PutOptions { SlidingTtl = TimeSpan.FromMinutes(20) });
Console.WriteLine("session:7 lives for 20 minutes after its last use.");
await timed.AdvanceClockAsync(TimeSpan.FromMinutes(15));
Console.WriteLine($"15 minutes later: {await timed.GetAsync<string>("session:7") ?? "gone"}, and used just now.");
await timed.AdvanceClockAsync(TimeSpan.FromMinutes(15));
Console.WriteLine($"15 minutes later: {await timed.GetAsync<string>("session:7") ?? "gone"}, since it was used in between.");
await timed.AdvanceClockAsync(TimeSpan.FromMinutes(20));
Console.WriteLine($"20 minutes later: {await timed.GetAsync<string>("session:7") ?? "gone"}.");

Chapter("What the store has seen");
var stats = await client.StatsAsync();
Console.WriteLine($"Entries: {stats.Entries}, in bytes: {stats.Bytes}; reads that hit: {stats.Hits}, that missed: {stats.Misses}.");

static void Chapter(string title) => Console.WriteLine($"\n{title}");

static string Outcome(long? version) => version is { } written ? $"version {written}" : "not written";

internal sealed record Product(string Name, decimal Price);

[JsonSerializable(typeof(Product))]
internal sealed partial class QuickStartJson : JsonSerializerContext;
