using Holdfast;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Failover.Shop;

/// <summary>A shop that keeps its orders in Holdfast. Nothing here knows that nodes may die.</summary>
public static class ShopApplication
{
    /// <summary>Starts it on any free port.</summary>
    /// <param name="connectionString"><c>holdfast://h1:7861,h2:7861,h3:7861/orders</c></param>
    /// <param name="cancelled">Cancels the start.</param>
    public static async Task<WebApplication> StartAsync(string connectionString, CancellationToken cancelled)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddHoldfast(options => options.ConnectionString = connectionString);

        var app = builder.Build();

        // 201 is a promise: the order is in two of three nodes at least.
        app.MapPut("/orders/{id}", async Task<Created> (string id, Order order, HoldfastClient orders, CancellationToken aborted) =>
        {
            await orders.PutAsync(id, order, aborted);
            return TypedResults.Created($"/orders/{id}");
        });

        app.MapGet("/orders/{id}", async Task<Results<Ok<Order>, NotFound>> (string id, HoldfastClient orders, CancellationToken aborted) =>
            await orders.GetAsync<Order>(id, aborted) is { } order ? TypedResults.Ok(order) : TypedResults.NotFound());

        await app.StartAsync(cancelled);
        return app;
    }
}
