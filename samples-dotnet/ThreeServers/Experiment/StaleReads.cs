using System.Net.Http.Json;
using ThreeServers.Shop;

namespace ThreeServers.Experiment;

/// <summary>The experiment: warm every cache, update a product through one instance, read it through all.</summary>
public static class StaleReads
{
    private const decimal NewPrice = 999.00m;

    /// <summary>With a cache in each process.</summary>
    public static Task<Findings> WithMemoryCacheAsync(int reads, CancellationToken cancelled) =>
        FindAsync("IMemoryCache", ["--Cache=memory"], reads, cancelled);

    /// <summary>With the one that Holdfast keeps for all.</summary>
    public static Task<Findings> WithHoldfastAsync(string connectionString, int reads, CancellationToken cancelled)
    {
        string[] settings =
        [
            "--Cache=holdfast",
            $"--Holdfast:ConnectionString={connectionString}",
            // What an earlier run left on a node that goes on running is not this one's.
            $"--Holdfast:InstanceName=three-servers-{Guid.NewGuid():N}:",
        ];
        return FindAsync("Holdfast", settings, reads, cancelled);
    }

    private static async Task<Findings> FindAsync(
        string cache, IReadOnlyCollection<string> settings, int reads, CancellationToken cancelled)
    {
        await using var instances = await ThreeInstances.StartAsync(settings, cancelled);
        var product = new Uri($"/products/{ThreeInstances.Laptop.Id}", UriKind.Relative);
        using var http = new HttpClient { BaseAddress = instances.Proxy };

        foreach (var instance in instances.Instances)
        {
            _ = await ReadAsync(http, new Uri(instance, product), cancelled);
        }

        using var updated = await http.PutAsJsonAsync(product, new ProductChange(NewPrice), cancelled);
        updated.EnsureSuccessStatusCode();

        var answers = new List<Answer>();
        while (answers.Count < reads)
        {
            answers.Add(await ReadAsync(http, product, cancelled));
        }

        return new Findings(cache, InstanceOf(updated), NewPrice, answers);
    }

    private static async Task<Answer> ReadAsync(HttpClient http, Uri product, CancellationToken cancelled)
    {
        using var response = await http.GetAsync(product, cancelled);
        response.EnsureSuccessStatusCode();
        var read = await response.Content.ReadFromJsonAsync<Product>(cancelled);
        return new Answer(InstanceOf(response), read!.Price);
    }

    private static string InstanceOf(HttpResponseMessage response) =>
        response.Headers.GetValues(ShopApplication.InstanceHeader).Single();
}
