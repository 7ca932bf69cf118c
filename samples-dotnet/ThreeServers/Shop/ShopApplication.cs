using Microsoft.AspNetCore.Http.HttpResults;

namespace ThreeServers.Shop;

/// <summary>One instance of the application. Which cache it has is configuration: <c>Cache</c> is memory or holdfast.</summary>
public static class ShopApplication
{
    /// <summary>The response header that names the instance that answered.</summary>
    public const string InstanceHeader = "X-Instance";

    public static async Task RunAsync(string[] settings)
    {
        var builder = WebApplication.CreateBuilder(settings);
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Warning);

        // Standard output says where it listens, and nothing else.
        builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);

        if (builder.Configuration["Cache"] == "holdfast")
        {
            builder.Services.AddHoldfastDistributedCache(builder.Configuration.GetSection("Holdfast"));
            builder.Services.AddSingleton<IProductCache, SharedProductCache>();
        }
        else
        {
            builder.Services.AddMemoryCache();
            builder.Services.AddSingleton<IProductCache, MemoryProductCache>();
        }

        builder.Services.AddSingleton(new ProductDatabase(builder.Configuration.GetConnectionString("Products")
            ?? throw new InvalidOperationException("ConnectionStrings:Products is not set.")));
        builder.Services.AddSingleton<ProductService>();

        var app = builder.Build();
        var instance = app.Configuration["Instance"] ?? Environment.ProcessId.ToString(provider: null);
        app.Use((context, next) =>
        {
            context.Response.Headers[InstanceHeader] = instance;
            return next(context);
        });

        app.MapGet("/products/{id:int}", async Task<Results<Ok<Product>, NotFound>> (
            int id, ProductService products, CancellationToken cancelled) =>
            await products.GetAsync(id, cancelled) is { } product ? TypedResults.Ok(product) : TypedResults.NotFound());

        app.MapPut("/products/{id:int}", async Task<Results<NoContent, NotFound>> (
            int id, ProductChange change, ProductService products, CancellationToken cancelled) =>
            await products.UpdateAsync(id, change, cancelled) ? TypedResults.NoContent() : TypedResults.NotFound());

        await app.StartAsync();
        Console.WriteLine($"listening on {app.Urls.First()}");
        await app.WaitForShutdownAsync();
    }
}
