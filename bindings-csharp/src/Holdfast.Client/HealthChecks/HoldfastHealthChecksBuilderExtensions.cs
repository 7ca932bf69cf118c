using Holdfast;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers health checks of the nodes that <see cref="HoldfastClient"/>s talk to.</summary>
public static class HoldfastHealthChecksBuilderExtensions
{
    /// <summary>
    /// Checks that the node of a registered client answers a ping and serves the client's store: one that does not exist
    /// or was made with other settings fails the check. A failed check has the error's code and the endpoints
    /// in its data, under <c>code</c> and <c>endpoint</c>; one that passed has <c>node</c>, <c>endpoint</c>,
    /// <c>roundTripMs</c> and <c>epoch</c>.
    /// </summary>
    /// <param name="builder">Where to register.</param>
    /// <param name="name">The check's name.</param>
    /// <param name="serviceKey">
    /// The key of the client: one of <c>AddKeyedHoldfast</c>, or a store's name; null: the plain client of <c>AddHoldfast</c>.
    /// </param>
    /// <param name="failureStatus">What a failed check reports; unhealthy when null.</param>
    /// <param name="tags">The check's tags.</param>
    /// <param name="timeout">How long all of it may take; 2 seconds when null.</param>
    /// <returns><paramref name="builder"/>.</returns>
    public static IHealthChecksBuilder AddHoldfast(
        this IHealthChecksBuilder builder,
        string name = "holdfast",
        string? serviceKey = null,
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null,
        TimeSpan? timeout = null) =>
        HoldfastHealthCheck.Register(
            builder,
            name,
            services => serviceKey is null
                ? services.GetRequiredService<HoldfastClient>()
                : services.GetRequiredKeyedService<HoldfastClient>(serviceKey),
            failureStatus,
            tags,
            timeout);
}
