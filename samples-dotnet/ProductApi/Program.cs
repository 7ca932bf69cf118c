using Microsoft.AspNetCore.Http.HttpResults;
using ProductApi;

var builder = WebApplication.CreateBuilder(args);

// The whole of the cache: a connection, and IDistributedCache over its store `cache`. See appsettings.json.
builder.Services.AddHoldfast(builder.Configuration.GetSection("Holdfast"));
builder.Services.AddHoldfastDistributedCache(builder.Configuration.GetSection("Holdfast:Cache"));

builder.Services.AddSingleton<ProductDatabase>();
builder.Services.AddSingleton<ProductService>();
builder.Services.AddSingleton<CacheReport>();
builder.Services.AddProblemDetails();

var app = builder.Build();

// A body for errors that have none, such as text that is no JSON.
app.UseStatusCodePages();
await app.Services.GetRequiredService<ProductDatabase>().CreateAsync();

app.MapGet("/products", (ProductDatabase database, CancellationToken cancelled) => database.ListAsync(cancelled));

app.MapGet("/products/{id:int}", async Task<Results<Ok<Product>, NotFound>> (
    int id, ProductService products, CancellationToken cancelled) =>
    await products.GetAsync(id, cancelled) is { } product ? TypedResults.Ok(product) : TypedResults.NotFound());

app.MapPut("/products/{id:int}", async Task<Results<NoContent, NotFound, ValidationProblem>> (
    int id, ProductChange change, ProductService products, CancellationToken cancelled) =>
{
    if (change.Errors() is { Count: > 0 } errors)
    {
        return TypedResults.ValidationProblem(errors);
    }

    return await products.UpdateAsync(id, change, cancelled) ? TypedResults.NoContent() : TypedResults.NotFound();
});

app.MapGet("/cache", (CacheReport report) => report.ReadAsync());

app.MapGet("/", async (CacheReport report) => TypedResults.Content(ReportPage.Of(await report.ReadAsync()), "text/html"));

await app.RunAsync();
