using System.Net;
using System.Net.Http.Json;
using System.Text;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Data.Sqlite;

namespace ProductApi.Tests;

/// <summary>The sample as it is, over HTTP, with a database and a node of its own.</summary>
public sealed class ProductApiTests : IAsyncLifetime
{
    private readonly string _database = Path.Combine(Path.GetTempPath(), $"products-{Guid.NewGuid():N}.db");
    private readonly WebApplicationFactory<Program> _application;

    public ProductApiTests() => _application = new WebApplicationFactory<Program>().WithWebHostBuilder(host => host
        .UseSetting("ConnectionStrings:Products", $"Data Source={_database}")
        .UseSetting("Holdfast:ConnectionString", $"holdfast://embedded/shop?node=product-api-{Guid.NewGuid():N}"));

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _application.DisposeAsync();
        SqliteConnection.ClearAllPools();
        File.Delete(_database);
    }

    [Fact]
    public async Task A_product_is_loaded_once_and_then_comes_from_the_cache()
    {
        using var http = _application.CreateClient();

        var loaded = await http.GetFromJsonAsync<Product>("/products/7");
        Assert.Equal(new Product(7, "Product 7", 17.90m, 200, 3), loaded);
        // Behind the application's back: who still sees the old name was served from the cache.
        Execute("UPDATE products SET name = 'Renamed' WHERE id = 7");
        Assert.Equal(loaded, await http.GetFromJsonAsync<Product>("/products/7"));
        Assert.Equal(loaded, await http.GetFromJsonAsync<Product>("/products/7"));

        var figures = await http.GetFromJsonAsync<CacheFigures>("/cache");
        Assert.Equal((2, 1, 1), (figures!.Hits, figures.Misses, figures.Entries));
        Assert.True(figures.Bytes > 0);
    }

    [Fact]
    public async Task An_update_is_seen_by_the_next_read()
    {
        using var http = _application.CreateClient();
        await http.GetAsync(new Uri("/products/7", UriKind.Relative));

        using var updated = await http.PutAsJsonAsync("/products/7", new ProductChange("Lamp", 49.90m));
        Assert.Equal(HttpStatusCode.NoContent, updated.StatusCode);

        var product = await http.GetFromJsonAsync<Product>("/products/7");
        Assert.Equal(("Lamp", 49.90m), (product!.Name, product.Price));
        var figures = await http.GetFromJsonAsync<CacheFigures>("/cache");
        Assert.Equal((0, 2), (figures!.Hits, figures.Misses));
    }

    [Fact]
    public async Task A_product_that_is_not_there_is_not_found_and_not_cached()
    {
        using var http = _application.CreateClient();

        using var missing = await http.GetAsync(new Uri("/products/4711", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        using var updated = await http.PutAsJsonAsync("/products/4711", new ProductChange("Lamp", 49.90m));
        Assert.Equal(HttpStatusCode.NotFound, updated.StatusCode);
        var figures = await http.GetFromJsonAsync<CacheFigures>("/cache");
        Assert.Equal((0, 0, 0), (figures!.Hits, figures.Misses, figures.Entries));
    }

    [Fact]
    public async Task The_time_saved_never_goes_down()
    {
        using var http = _application.CreateClient();
        var saved = 0.0;
        for (var read = 0; read < 60; read++)
        {
            // Misses of products that are there and of some that are not, between hits.
            await http.GetAsync(new Uri($"/products/{95 + (read % 10)}", UriKind.Relative));
            var figures = await http.GetFromJsonAsync<CacheFigures>("/cache");
            Assert.True(figures!.SavedMilliseconds >= saved);
            saved = figures.SavedMilliseconds;
        }

        Assert.True(saved > 0);
    }

    [Theory]
    [InlineData("""{ "price": 1 }""", "name")]
    [InlineData("""{ "name": "  ", "price": 1 }""", "name")]
    [InlineData("""{ "name": "Lamp" }""", "price")]
    [InlineData("""{ "name": "Lamp", "price": -0.01 }""", "price")]
    [InlineData("""{ "name": "Lamp", "price": "cheap" }""", "")]
    [InlineData("null", "")]
    public async Task A_change_without_name_or_price_is_refused_with_a_problem(string body, string names)
    {
        using var http = _application.CreateClient();

        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var refused = await http.PutAsync(new Uri("/products/7", UriKind.Relative), content);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Equal("application/problem+json", refused.Content.Headers.ContentType?.MediaType);
        Assert.Contains(names, await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("Product 7", (await http.GetFromJsonAsync<Product>("/products/7"))!.Name);
    }

    [Fact]
    public async Task The_list_names_every_product()
    {
        using var http = _application.CreateClient();

        Assert.Equal(Enumerable.Range(1, 100), await http.GetFromJsonAsync<int[]>("/products"));
    }

    [Fact]
    public async Task The_page_shows_hits_misses_and_the_time_saved()
    {
        using var http = _application.CreateClient();
        for (var read = 0; read < 3; read++)
        {
            await http.GetAsync(new Uri("/products/7", UriKind.Relative));
        }

        using var response = await http.GetAsync(new Uri("/", UriKind.Relative));
        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
        var page = await response.Content.ReadAsStringAsync();
        Assert.Contains("<td>Hits<td>2", page, StringComparison.Ordinal);
        Assert.Contains("<td>Misses<td>1", page, StringComparison.Ordinal);
        Assert.Contains("Time saved", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_readers_and_writers_leave_the_last_price_behind()
    {
        using var http = _application.CreateClient();
        await Task.WhenAll(Enumerable.Range(1, 20).Select(async price =>
        {
            using var updated = await http.PutAsJsonAsync("/products/7", new ProductChange("Lamp", price));
            await http.GetAsync(new Uri("/products/7", UriKind.Relative));
        }));

        using var last = await http.PutAsJsonAsync("/products/7", new ProductChange("Lamp", 99));
        Assert.Equal(99, (await http.GetFromJsonAsync<Product>("/products/7"))!.Price);
    }

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={_database}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
