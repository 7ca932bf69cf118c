using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Holdfast.Extensions.Caching.Tests;

[Collection(nameof(AloneInTheProcess))]
public sealed class TelemetryTests
{
    [Fact]
    public async Task Calls_are_measured_in_seconds_by_operation_and_store_and_never_by_key()
    {
        var measured = new ConcurrentQueue<(double Seconds, Dictionary<string, object?> Tags)>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "Holdfast" && instrument.Name == "db.client.operation.duration")
            {
                Assert.Equal("s", instrument.Unit);
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((_, seconds, tags, _) => measured.Enqueue((seconds, new(tags.ToArray()))));
        listener.Start();
        await using var test = new CacheUnderTest();

        await test.Cache.SetAsync("secret key", [1], new());
        test.Cache.Get("secret key");
        await test.Cache.GetAsync("secret key");
        test.Cache.Remove("secret key");

        await using var client = test.Client();
        var calls = measured.Where(call => Equals(call.Tags.GetValueOrDefault("db.namespace"), client.StoreName)).ToArray();
        Assert.Equal(4, calls.Length);
        Assert.All(calls, static call =>
        {
            Assert.InRange(call.Seconds, 0, 60);
            Assert.Equal("holdfast", call.Tags["db.system.name"]);
            Assert.NotEqual("", call.Tags["db.operation.name"]);
            Assert.DoesNotContain(call.Tags.Values, static value => value?.ToString()?.Contains("secret", StringComparison.Ordinal) == true);
        });
    }

    [Fact]
    public async Task Lines_of_the_native_node_arrive_at_the_applications_loggers()
    {
        var logs = new RecordedLogs();
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(logs));
        services.AddHoldfast(options => options.ConnectionString = TestNode.ConnectionString("app"));
        await using var provider = services.BuildServiceProvider();
        provider.GetRequiredService<HoldfastClient>().Put("key", "value");

        await Eventually.True(() => logs.All.Any(static log => log.Category.StartsWith("Holdfast", StringComparison.Ordinal)));
    }
}
