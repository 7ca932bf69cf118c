using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Holdfast.Tests.Diagnostics;

[Collection(Alone.Name)]
public class TelemetryTests
{
    [Fact]
    public async Task calls_are_measured_with_operation_store_and_error_but_never_with_keys()
    {
        var measured = new ConcurrentQueue<(double Value, Dictionary<string, object?> Tags)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Holdfast" && instrument.Name == "db.client.operation.duration")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>(
            (_, value, tags, _) => measured.Enqueue((value, tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value))));
        listener.Start();
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("secret key", 1);
        await client.GetAsync<int>("secret key");
        Assert.Throws<HoldfastException>(() => client.Get<Guid>("secret key"));
        await Assert.ThrowsAsync<HoldfastException>(async () => await client.IncrementAsync("secret key", 1, new IncrementOptions { Maximum = 0 }));

        Assert.Equal(["put", "get", "get", "increment"], measured.Select(one => one.Tags["db.operation.name"]));
        Assert.All(measured, one => Assert.Equal(("holdfast", client.StoreName), (one.Tags["db.system.name"], one.Tags["db.namespace"])));
        Assert.All(measured, one => Assert.InRange(one.Value, 0, 30));
        Assert.Equal([null, null, "Serialization", "CounterOutOfBounds"], measured.Select(one => one.Tags.GetValueOrDefault("error.type")));
        Assert.DoesNotContain(measured, one => one.Tags.Values.Any(value => value?.ToString()?.Contains("secret", StringComparison.Ordinal) == true));
    }
}
