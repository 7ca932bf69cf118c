using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Holdfast.Tests.Observed;

public class HealthCheckTests
{
    [Fact]
    public async Task a_node_is_healthy_then_gone_with_code_and_endpoint_then_healthy_again()
    {
        ServeProcess node = ServeProcess.Start("--node", "delta", "--token", "hunter2");
        try
        {
            await using ServiceProvider services = Services(node, static builder => builder.AddHoldfast(tags: ["ready"], timeout: TimeSpan.FromSeconds(5)));
            HealthReportEntry healthy = await CheckAsync(services, "holdfast");
            Assert.Equal(HealthStatus.Healthy, healthy.Status);
            Assert.Equal(("delta", node.Address), (healthy.Data["node"], healthy.Data["endpoint"]));
            Assert.Contains("ready", healthy.Tags);

            node.KillNow();
            HealthReportEntry gone = await CheckAsync(services, "holdfast");
            Assert.Equal((HealthStatus.Unhealthy, "Unavailable", node.Address), (gone.Status, gone.Data["code"], gone.Data["endpoint"]));
            Assert.DoesNotContain("hunter2", gone.Description + gone.Exception, StringComparison.Ordinal);

            node = node.Again();
            Assert.Equal(HealthStatus.Healthy, (await CheckAsync(services, "holdfast")).Status);
        }
        finally
        {
            node.Dispose();
        }
    }

    [Fact]
    public async Task a_check_of_a_keyed_client_reports_what_it_is_told_to_within_its_time()
    {
        using ServeProcess node = ServeProcess.Start();
        await using ServiceProvider services = Services(node, static builder => builder
            .AddHoldfast("store", serviceKey: "orders", failureStatus: HealthStatus.Degraded, timeout: TimeSpan.FromMilliseconds(300)));
        services.GetRequiredKeyedService<HoldfastClient>("orders").Put("k", 1);
        node.Suspend();
        HealthReportEntry slow = await CheckAsync(services, "store");
        Assert.Equal((HealthStatus.Degraded, "Timeout"), (slow.Status, slow.Data["code"]));
        Assert.InRange(slow.Duration, TimeSpan.Zero, Nodes.Slack);
    }

    [Fact]
    public async Task a_store_that_was_made_with_other_settings_is_unhealthy_though_its_node_answers()
    {
        using ServeProcess node = ServeProcess.Start("--token", "hunter2");
        await using HoldfastClient maker = Nodes.ClientOf(node, static options =>
        {
            options.Token = "hunter2";
            options.MaxMemory = "16MiB";
        });
        maker.Put("k", 1);
        await using ServiceProvider services = Services(
            node, static builder => builder.AddHoldfast(timeout: TimeSpan.FromSeconds(30)), static options => options.MaxMemory = "32MiB");
        HealthReportEntry conflict = await CheckAsync(services, "holdfast");
        Assert.Equal((HealthStatus.Unhealthy, "StoreConflict", node.Address), (conflict.Status, conflict.Data["code"], conflict.Data["endpoint"]));
        Assert.Equal("StoreConflict", (await CheckAsync(services, "holdfast")).Data["code"]);
    }

    private static ServiceProvider Services(ServeProcess node, Action<IHealthChecksBuilder> add, Action<HoldfastOptions>? configure = null)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddHoldfast(options =>
        {
            options.ConnectionString = $"holdfast://{node.Address}/tests";
            options.Token = "hunter2";
            options.Timeout = TimeSpan.FromSeconds(30);
            configure?.Invoke(options);
        });
        add(services.AddHealthChecks());
        return services.BuildServiceProvider();
    }

    private static async Task<HealthReportEntry> CheckAsync(ServiceProvider services, string name)
    {
        HealthReport report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        return report.Entries[name];
    }
}
