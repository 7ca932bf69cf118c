using Holdfast;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;

await using var client = await HoldfastClient.ConnectAsync("holdfast://embedded/teststore");
await client.PutAsync("product:1", "Laptop");
Console.WriteLine($"client: {await client.GetAsync<string>("product:1")}");

var services = new ServiceCollection();
services.AddLogging();
services.AddHoldfastDistributedCache(o =>
{
    o.ConnectionString = "holdfast://embedded/cache";
    o.InstanceName = "shop:";
});
await using var provider = services.BuildServiceProvider();
var cache = provider.GetRequiredService<IDistributedCache>();
await cache.SetStringAsync("product:2", "Lamp", new DistributedCacheEntryOptions { SlidingExpiration = TimeSpan.FromMinutes(1) });
Console.WriteLine($"cache: {await cache.GetStringAsync("product:2")}");
Console.WriteLine($"gone: {await cache.GetStringAsync("product:3") ?? "nothing"}");
