namespace Holdfast.Extensions.Caching.Tests;

/// <summary>Tests that use a cache of their own.</summary>
public abstract class CacheTest : IAsyncLifetime
{
    private protected CacheUnderTest Test { get; private set; } = null!;

    public Task InitializeAsync()
    {
        Test = new CacheUnderTest(Configure);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await Test.DisposeAsync();

    private protected virtual void Configure(HoldfastCacheOptions options)
    {
    }
}
