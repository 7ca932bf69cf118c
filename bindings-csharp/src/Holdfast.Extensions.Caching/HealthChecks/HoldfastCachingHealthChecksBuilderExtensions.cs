using Holdfast;
using Holdfast.Extensions.Caching;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers health checks of the nodes that distributed caches use.</summary>
public static class HoldfastCachingHealthChecksBuilderExtensions
{
    /// <summary>
    /// Checks that the node of a cache of <c>AddHoldfastDistributedCache</c> answers a ping and serves the cache's store:
    /// one that does not exist or was made with other settings fails the check. The check's data are those of
    /// <c>AddHoldfast</c>'s.
    /// </summary>
    /// <param name="builder">Where to register.</param>
    /// <param name="name">The check's name.</param>
    /// <param name="serviceKey">The cache's key of <c>AddKeyedHoldfastDistributedCache</c>; null: the plain cache.</param>
    /// <param name="failureStatus">What a failed check reports; unhealthy when null.</param>
    /// <param name="tags">The check's tags.</param>
    /// <param name="timeout">How long all of it may take; 2 seconds when null.</param>
    /// <returns><paramref name="builder"/>.</returns>
    public static IHealthChecksBuilder AddHoldfastDistributedCache(
        this IHealthChecksBuilder builder,
        string name = "holdfast-cache",
        object? serviceKey = null,
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null,
        TimeSpan? timeout = null) =>
        HoldfastHealthCheck.Register(
            builder,
            name,
            services => (serviceKey is null
                ? services.GetRequiredService<HoldfastDistributedCache>()
                : services.GetRequiredKeyedService<HoldfastDistributedCache>(serviceKey)).Client,
            failureStatus,
            tags,
            timeout);
}
