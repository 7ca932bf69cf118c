using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Holdfast.Extensions.Caching.Tests;

/// <summary>A wrong configuration stops the application where it starts, and says what is wrong.</summary>
public sealed class StartupTests
{
    [Theory]
    [InlineData("redis://localhost", "redis")]
    [InlineData("embedded/shop", "holdfast://embedded/STORE")]
    [InlineData("holdfast://h1,h2/shop?memory-limit=1GiB", "memory-limit")]
    [InlineData("holdfast://embedded/shop?max-memorry=1MiB", "max-memory")]
    public async Task A_connection_string_that_cannot_be_opened_stops_the_start_of_a_cache_and_of_a_client(string text, string named)
    {
        await AssertStartFails(services => services.AddHoldfastDistributedCache(o => o.ConnectionString = text), named);
        await AssertStartFails(services => services.AddHoldfast(o => o.ConnectionString = text), named);
    }

    [Fact]
    public Task A_size_that_is_none_stops_the_start() => AssertStartFails(
        services => services.AddHoldfastDistributedCache(o => o.MaxMemory = "64 potatoes"), "64 potatoes");

    [Fact]
    public async Task Checking_at_start_opens_nothing()
    {
        var connectionString = TestNode.ConnectionString("startup");
        using IHost host = Build(services => services.AddHoldfastDistributedCache(
            o => o.ConnectionString = connectionString + "&class=coordination"));
        await host.StartAsync();
        // The store would have its class by now, and this would contradict it.
        await using var client = await HoldfastClient.ConnectAsync(connectionString + "&class=cache");
        Assert.Equal(HoldfastStoreClass.Cache, client.StoreClass);
        await host.StopAsync();
    }

    private static async Task AssertStartFails(Action<IServiceCollection> register, string named)
    {
        using IHost host = Build(register);
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    private static IHost Build(Action<IServiceCollection> register)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        register(builder.Services);
        return builder.Build();
    }
}
