using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.LoadBalancing;

namespace ThreeServers.Experiment;

/// <summary>The load balancer: each request goes to the next instance.</summary>
public sealed class RoundRobinProxy : IAsyncDisposable
{
    private readonly WebApplication _application;

    private RoundRobinProxy(WebApplication application) => _application = application;

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_application.Urls.First());

    public static async Task<RoundRobinProxy> StartAsync(IEnumerable<Uri> instances, CancellationToken cancelled)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddReverseProxy().LoadFromMemory(
            [
                new RouteConfig
                {
                    RouteId = "everything",
                    ClusterId = "shop",
                    Match = new RouteMatch { Path = "{**path}" },
                },
            ],
            [
                new ClusterConfig
                {
                    ClusterId = "shop",
                    LoadBalancingPolicy = LoadBalancingPolicies.RoundRobin,
                    Destinations = instances.ToDictionary(
                        static instance => instance.Authority,
                        static instance => new DestinationConfig { Address = instance.ToString() }),
                },
            ]);
        var application = builder.Build();
        application.MapReverseProxy();
        await application.StartAsync(cancelled);
        return new RoundRobinProxy(application);
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();
}
