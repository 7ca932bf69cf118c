using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class ClientRegistrationTests
{
    [Fact]
    public void Each_method_returns_the_same_collection()
    {
        var services = new ServiceCollection();
        var configuration = new ConfigurationBuilder().Build();

        Assert.Same(services, services.AddHoldfast(_ => { }));
        Assert.Same(services, services.AddHoldfast(configuration));
        Assert.Same(services, services.AddHoldfast("name"));
        Assert.Same(services, services.AddKeyedHoldfast("key", _ => { }));
        Assert.Same(services, services.AddKeyedHoldfast("key", configuration));
    }

    [Fact]
    public async Task The_plain_client_is_one_of_the_connection_strings_store_and_a_singleton()
    {
        await using var provider = Provider(services => services.AddHoldfast(o => o.ConnectionString = TestNode.ConnectionString("orders")));

        var client = provider.GetRequiredService<HoldfastClient>();
        await client.PutAsync("order:1", "open");
        Assert.Equal("orders", client.StoreName);
        using var scope = provider.CreateScope();
        Assert.Same(client, scope.ServiceProvider.GetRequiredService<HoldfastClient>());
    }

    [Fact]
    public async Task Clients_keyed_by_a_stores_name_are_on_the_same_connection_with_the_settings_of_that_store()
    {
        await using var provider = Provider(services => services.AddHoldfast(options =>
        {
            options.ConnectionString = TestNode.ConnectionString("app");
            options.Stores["pages"] = new() { Class = HoldfastStoreClass.Cache, MaxMemory = "3MiB" };
        }));

        var pages = provider.GetRequiredKeyedService<HoldfastClient>("pages");
        pages.Put("page", "text");
        Assert.Equal("pages", pages.StoreName);
        Assert.Equal(HoldfastStoreClass.Cache, await TestNode.ClassOf(pages));
        Assert.Equal(3L << 20, pages.Stats().MaxMemory);
        Assert.Equal("text", provider.GetRequiredService<HoldfastClient>().Store("pages").Get<string>("page"));

        var unnamed = provider.GetRequiredKeyedService<HoldfastClient>("unnamed");
        unnamed.Put("key", "value");
        Assert.Equal(HoldfastStoreClass.Coordination, await TestNode.ClassOf(unnamed));
        Assert.Null(pages.Get<string>("key"));
    }

    [Fact]
    public async Task A_client_of_another_node_has_a_key_of_its_own()
    {
        await using var provider = Provider(services =>
        {
            services.AddHoldfast(options => options.ConnectionString = TestNode.ConnectionString("app"));
            services.AddKeyedHoldfast("reports", options => options.ConnectionString = TestNode.ConnectionString("numbers"));
        });

        var reports = provider.GetRequiredKeyedService<HoldfastClient>("reports");
        reports.Put("key", "there");
        Assert.Equal("numbers", reports.StoreName);
        Assert.Null(provider.GetRequiredKeyedService<HoldfastClient>("numbers").Get<string>("key"));
    }

    [Fact]
    public async Task A_key_that_is_no_text_is_told_to_be_none()
    {
        await using var provider = Provider(services => services.AddHoldfast(o => o.ConnectionString = TestNode.ConnectionString("app")));

        Assert.Throws<InvalidOperationException>(() => provider.GetRequiredKeyedService<HoldfastClient>(7));
    }

    [Fact]
    public async Task The_container_disposes_the_client_and_a_view_only_ends_with_it()
    {
        var provider = Provider(services => services.AddHoldfast(o => o.ConnectionString = TestNode.ConnectionString("app")));
        var client = provider.GetRequiredService<HoldfastClient>();
        var view = provider.GetRequiredKeyedService<HoldfastClient>("other");
        view.Put("key", "value");
        view.Dispose();
        Assert.Equal("value", view.Get<string>("key"));

        await provider.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => client.Get<string>("key"));
        Assert.Throws<ObjectDisposedException>(() => view.Get<string>("key"));
    }

    [Fact]
    public void A_client_without_a_connection_string_is_refused_when_the_application_starts()
    {
        using var provider = Provider(services => services.AddHoldfast(_ => { }));

        var thrown = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IStartupValidator>().Validate());
        Assert.Contains("holdfast://embedded/STORE", thrown.Message, StringComparison.Ordinal);
        Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<HoldfastClient>());
    }

    [Fact]
    public async Task A_name_is_that_of_a_connection_string_in_the_configuration()
    {
        var configuration = Configuration(("ConnectionStrings:holdfast", TestNode.ConnectionString("named")));
        await using var provider = Provider(services =>
        {
            services.AddSingleton<IConfiguration>(configuration);
            services.AddHoldfast("holdfast");
        });

        Assert.Equal("named", provider.GetRequiredService<HoldfastClient>().StoreName);
    }

    [Fact]
    public void A_name_that_the_configuration_does_not_have_is_refused_when_the_application_starts()
    {
        using var provider = Provider(services =>
        {
            services.AddSingleton<IConfiguration>(Configuration());
            services.AddHoldfast("holdfast");
        });

        var thrown = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IStartupValidator>().Validate());
        Assert.Contains("ConnectionStrings:holdfast", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Loggers_clock_and_serializer_come_from_the_container_unless_given()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var provider = Provider(services =>
        {
            services.AddLogging();
            services.AddSingleton<TimeProvider>(clock);
            services.AddHoldfast(options => options.ConnectionString = TestNode.ConnectionString("app"));
        });

        var options = provider.GetRequiredService<IOptions<HoldfastOptions>>().Value;
        Assert.Same(provider.GetRequiredService<ILoggerFactory>(), options.LoggerFactory);
        Assert.Same(clock, options.TimeProvider);
        Assert.Same(clock, provider.GetRequiredService<HoldfastClient>().TimeProvider);
    }

    private static ServiceProvider Provider(Action<IServiceCollection> register)
    {
        var services = new ServiceCollection();
        register(services);
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }

    private static IConfiguration Configuration(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(static s => KeyValuePair.Create(s.Key, (string?)s.Value)))
            .Build();
}
