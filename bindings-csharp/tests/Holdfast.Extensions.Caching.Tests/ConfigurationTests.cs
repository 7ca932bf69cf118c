using Holdfast.DependencyInjection;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class ConfigurationTests
{
    private const string AllSettings = """
        {
          "Holdfast": {
            "ConnectionString": "holdfast://embedded/app",
            "Node": "n1",
            "Clock": "manual",
            "MemoryLimit": "1GiB",
            "Data": "/var/lib/shop",
            "DefaultClass": "cache",
            "AutoCreateStores": false,
            "ConnectTimeout": "00:00:02",
            "Timeout": "250ms",
            "ReadConsistency": "bounded:2s",
            "ClientName": "web",
            "EmbeddedSpans": true,
            "Class": "coordination",
            "MaxMemory": "512MiB",
            "Stores": {
              "pages": {
                "Class": "Cache",
                "MaxMemory": "64MiB",
                "Eviction": "s3-fifo",
                "DefaultTtl": "1.00:00:00",
                "MaxValue": "1MiB",
                "HashTags": "on"
              }
            },
            "Cache": {
              "InstanceName": "shop:",
              "StoreName": "pages",
              "MaxMemory": "64MiB",
              "DefaultEntryOptions": { "SlidingExpiration": "20m", "AbsoluteExpirationRelativeToNow": "08:00:00" },
              "PinnedKeyPrefixes": [ "keep:" ]
            }
          }
        }
        """;

    [Fact]
    public void Every_setting_is_read_from_the_section()
    {
        var options = Bound<HoldfastOptions>(AllSettings, static (services, configuration) =>
            services.AddHoldfast(configuration.GetSection("Holdfast")));

        Assert.Equal("holdfast://embedded/app", options.ConnectionString);
        Assert.Equal("n1", options.Node);
        Assert.Equal(HoldfastClock.Manual, options.Clock);
        Assert.Equal("1GiB", options.MemoryLimit);
        Assert.Equal("/var/lib/shop", options.Data);
        Assert.Equal(HoldfastStoreClass.Cache, options.DefaultClass);
        Assert.False(options.AutoCreateStores);
        Assert.Equal(TimeSpan.FromSeconds(2), options.ConnectTimeout);
        Assert.Equal(TimeSpan.FromMilliseconds(250), options.Timeout);
        Assert.Equal(ReadConsistency.Bounded(TimeSpan.FromSeconds(2)), options.ReadConsistency);
        Assert.Equal("web", options.ClientName);
        Assert.True(options.EmbeddedSpans);
        Assert.Equal(HoldfastStoreClass.Coordination, options.Class);
        Assert.Equal("512MiB", options.MaxMemory);
        var pages = Assert.Single(options.Stores, static store => store.Key == "pages").Value;
        Assert.Equal(HoldfastStoreClass.Cache, pages.Class);
        Assert.Equal("64MiB", pages.MaxMemory);
        Assert.Equal(HoldfastEviction.S3Fifo, pages.Eviction);
        Assert.Equal(TimeSpan.FromDays(1), pages.DefaultTtl);
        Assert.Equal("1MiB", pages.MaxValue);
        Assert.True(pages.HashTags);
    }

    [Fact]
    public void Every_setting_of_the_cache_is_read_from_its_section()
    {
        var options = Bound<HoldfastCacheOptions>(AllSettings, static (services, configuration) =>
            services.AddHoldfastDistributedCache(configuration.GetSection("Holdfast:Cache")));

        Assert.Null(options.ConnectionString);
        Assert.Equal("shop:", options.InstanceName);
        Assert.Equal("pages", options.StoreName);
        Assert.Equal("64MiB", options.MaxMemory);
        Assert.Equal(TimeSpan.FromMinutes(20), options.DefaultEntryOptions?.SlidingExpiration);
        Assert.Equal(TimeSpan.FromHours(8), options.DefaultEntryOptions?.AbsoluteExpirationRelativeToNow);
        Assert.Equal(["keep:"], options.PinnedKeyPrefixes);
    }

    [Theory]
    [InlineData("1h 30m", 5_400_000)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("2w 1d", 1_296_000_000)]
    [InlineData(" 1m  2s 3ms ", 62_003)]
    [InlineData("1 h", 3_600_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("250ms", 250)]
    [InlineData("1.00:00:00", 86_400_000)]
    public void A_duration_is_read_as_connection_strings_and_as_dotnet_write_it(string text, long milliseconds)
    {
        var options = Bound<HoldfastOptions>(
            $$"""{ "Holdfast": { "ConnectionString": "holdfast://embedded/app", "DefaultTtl": "{{text}}", "Timeout": "{{text}}" } }""",
            static (services, configuration) => services.AddHoldfast(configuration));

        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), options.DefaultTtl);
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), options.Timeout);
    }

    [Theory]
    [InlineData("none", true)]
    [InlineData("None", true)]
    [InlineData("1s", false)]
    public async Task A_default_ttl_of_none_wins_over_that_of_the_connection_string(string text, bool stays)
    {
        var services = new ServiceCollection();
        services.AddHoldfast(Json($$"""
            { "Holdfast": { "ConnectionString": "{{TestNode.ConnectionString("app")}}&default-ttl=1s", "DefaultTtl": "{{text}}" } }
            """));
        await using var provider = services.BuildServiceProvider();
        var client = provider.GetRequiredService<HoldfastClient>();

        client.Put("key", 1);
        client.AdvanceClock(TimeSpan.FromDays(1));
        Assert.Equal(stays, client.Exists("key"));
    }

    [Fact]
    public void Of_a_whole_configuration_the_sections_Holdfast_and_Holdfast_Cache_are_taken()
    {
        Assert.Equal("n1", Bound<HoldfastOptions>(AllSettings, static (services, configuration) => services.AddHoldfast(configuration)).Node);
        Assert.Equal(
            "shop:",
            Bound<HoldfastCacheOptions>(AllSettings, static (services, configuration) => services.AddHoldfastDistributedCache(configuration)).InstanceName);
    }

    [Theory]
    [InlineData("""{ "Holdfast": { "MaxMemry": "1MiB" } }""", "Holdfast:MaxMemry")]
    [InlineData("""{ "Holdfast": { "Stores": { "a": { "Clock": "manual" } } } }""", "Holdfast:Stores:a:Clock")]
    [InlineData("""{ "Holdfast": { "Timeout": "5" } }""", "Holdfast:Timeout")]
    [InlineData("""{ "Holdfast": { "Timeout": "soon" } }""", "Holdfast:Timeout")]
    [InlineData("""{ "Holdfast": { "Timeout": "-1s" } }""", "Holdfast:Timeout")]
    [InlineData("""{ "Holdfast": { "Timeout": "0s" } }""", "Holdfast:Timeout")]
    [InlineData("""{ "Holdfast": { "Timeout": "none" } }""", "Holdfast:Timeout")]
    [InlineData("""{ "Holdfast": { "Timeout": "1h 30" } }""", "Holdfast:Timeout")]
    [InlineData("""{ "Holdfast": { "Timeout": "1h and 30m" } }""", "Holdfast:Timeout")]
    [InlineData("""{ "Holdfast": { "Timeout": "9999999999w" } }""", "Holdfast:Timeout")]
    [InlineData("""{ "Holdfast": { "DefaultTtl": "-00:00:00.001" } }""", "or none")]
    [InlineData("""{ "Holdfast": { "max-memory": "1MiB" } }""", "did you mean 'MaxMemory'?")]
    [InlineData("""{ "Holdfast": { "Stores": { "a": { "default_ttl": "1s" } } } }""", "did you mean 'DefaultTtl'?")]
    [InlineData("""{ "Holdfast": { "Class": "database" } }""", "Coordination or Cache")]
    [InlineData("""{ "Holdfast": { "Class": "1" } }""", "Coordination or Cache")]
    [InlineData("""{ "Holdfast": { "AutoCreateStores": "perhaps" } }""", "Holdfast:AutoCreateStores")]
    [InlineData("""{ "Holdfast": { "ConnectionString": { "Host": "a" } } }""", "Holdfast:ConnectionString")]
    public void A_section_with_an_error_in_it_is_refused_by_the_name_of_the_setting(string json, string names)
    {
        var services = new ServiceCollection();
        services.AddHoldfast(Json(json));
        using var provider = services.BuildServiceProvider();

        var thrown = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IStartupValidator>().Validate());
        Assert.Contains(names, thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "Holdfast": { "Cache": { "InstanceNam": "a" } } }""", "Holdfast:Cache:InstanceNam")]
    [InlineData("""{ "Holdfast": { "Cache": { "max-memory": "1MiB" } } }""", "did you mean 'MaxMemory'?")]
    [InlineData("""{ "Holdfast": { "Cache": { "DefaultEntryOptions": { "sliding-expiration": "1s" } } } }""", "did you mean 'SlidingExpiration'?")]
    [InlineData("""{ "Holdfast": { "Cache": { "DefaultEntryOptions": { "Sliding": "1s" } } } }""", "DefaultEntryOptions:Sliding")]
    [InlineData("""{ "Holdfast": { "Cache": { "DefaultEntryOptions": { "SlidingExpiration": "00:00:00" } } } }""", "SlidingExpiration")]
    [InlineData("""{ "Holdfast": { "Cache": { "PinnedKeyPrefixes": [ "" ] } } }""", "PinnedKeyPrefixes")]
    public void A_section_of_the_cache_with_an_error_in_it_is_refused_by_the_name_of_the_setting(string json, string names)
    {
        var services = new ServiceCollection();
        services.AddHoldfastDistributedCache(Json(json));
        using var provider = services.BuildServiceProvider();

        var thrown = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IStartupValidator>().Validate());
        Assert.Contains(names, thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_text_of_a_setting_that_is_refused_is_not_shown()
    {
        var services = new ServiceCollection();
        services.AddHoldfast(Json("""{ "Holdfast": { "Timeout": "user:password@host" } }"""));
        using var provider = services.BuildServiceProvider();

        var thrown = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IStartupValidator>().Validate());
        Assert.DoesNotContain("password", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_tables_of_the_sections_hold_every_setting_of_the_options()
    {
        // What is no text comes from code or from the container.
        string[] inCodeOnly = ["LoggerFactory", "TimeProvider", "Serializer"];

        Assert.Equal(PropertiesOf<HoldfastStoreOptions>(), SettingsSection.OfStore.Keys.Order());
        Assert.Equal(
            PropertiesOf<HoldfastClientOptions>().Except(inCodeOnly),
            SettingsSection.OfStore.Keys.Concat(SettingsSection.OfClient.Keys).Order());
        Assert.Equal(
            PropertiesOf<HoldfastCacheOptions>(),
            SettingsSection.OfStore.Keys.Concat(CacheSection.OfCache.Keys).Concat(["DefaultEntryOptions", "PinnedKeyPrefixes"]).Order());
    }

    [Fact]
    public void A_copy_of_a_stores_settings_has_every_one_of_them()
    {
        var options = Bound<HoldfastOptions>(AllSettings, static (services, configuration) => services.AddHoldfast(configuration)).Stores["pages"];
        var copy = SettingCopies.Of(options);

        foreach (var property in typeof(HoldfastStoreOptions).GetProperties())
        {
            Assert.NotNull(property.GetValue(options));
            Assert.Equal(property.GetValue(options), property.GetValue(copy));
        }
    }

    [Fact]
    public async Task Settings_that_change_after_they_were_used_are_one_warning_for_their_section()
    {
        var source = new ReloadableSource();
        source.Set("Holdfast:ConnectionString", TestNode.ConnectionString("app"));
        source.Set("Holdfast:Cache:InstanceName", "a:");
        source.Set("Other", "1");
        var configuration = new ConfigurationBuilder().Add(source).Build();
        var logs = new RecordedLogs();
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(logs));
        services.AddHoldfast(configuration.GetSection("Holdfast"));
        services.AddHoldfastDistributedCache(configuration.GetSection("Holdfast:Cache"));
        await using var provider = services.BuildServiceProvider();
        var cache = provider.GetRequiredService<IDistributedCache>();
        cache.Set("key", [1], new());

        source.Change("Other", "2");
        Assert.Empty(logs.Warnings);
        source.Change("Holdfast:Timeout", "9s");
        Assert.Contains("'Holdfast'", Assert.Single(logs.Warnings).Message, StringComparison.Ordinal);
        source.Change("Holdfast:Timeout", "10s");
        Assert.Single(logs.Warnings);
        source.Change("Holdfast:Cache:InstanceName", "b:");
        Assert.Contains("'Holdfast:Cache'", logs.Warnings[^1].Message, StringComparison.Ordinal);
        Assert.Equal(2, logs.Warnings.Count);
        Assert.Equal([1], cache.Get("key"));
    }

    private static TOptions Bound<TOptions>(string json, Action<IServiceCollection, IConfiguration> register)
        where TOptions : class
    {
        var services = new ServiceCollection();
        register(services, Json(json));
        using var provider = services.BuildServiceProvider();
        return provider.GetRequiredService<IOptions<TOptions>>().Value;
    }

    private static IConfigurationRoot Json(string json) =>
        new ConfigurationBuilder().AddJsonStream(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(json))).Build();

    private static IEnumerable<string> PropertiesOf<TOptions>() =>
        typeof(TOptions).GetProperties().Select(static property => property.Name).Order();

    private sealed class ReloadableSource : ConfigurationProvider, IConfigurationSource
    {
        public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

        internal void Change(string key, string value)
        {
            Set(key, value);
            OnReload();
        }
    }
}
