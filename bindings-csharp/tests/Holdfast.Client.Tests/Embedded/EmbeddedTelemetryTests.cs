using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Holdfast.Tests.Embedded;

[Collection(Alone.Name)]
public class EmbeddedTelemetryTests
{
    [Fact]
    public async Task a_stores_counters_are_observed_once_for_each_store()
    {
        var observed = new ConcurrentQueue<(string Instrument, long Value, Dictionary<string, object?> Tags)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Holdfast" && instrument.IsObservable)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>(
            (instrument, value, tags, _) => observed.Enqueue((instrument.Name, value, tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value))));
        listener.Start();
        string text = TestNode.ConnectionString();
        await using HoldfastClient client = await HoldfastClient.ConnectAsync(text);
        await using HoldfastClient other = await HoldfastClient.ConnectAsync(text);
        client.Put("k", 1);
        other.Get<int>("k");
        listener.RecordObservableInstruments();
        var mine = observed.Where(one => Equals(one.Tags["holdfast.node.name"], client.NodeName)).ToList();
        Assert.Equal(
            ["holdfast.store.entries", "holdfast.store.evictions", "holdfast.store.expirations", "holdfast.store.hits", "holdfast.store.memory", "holdfast.store.misses"],
            mine.Select(one => one.Instrument).Order(StringComparer.Ordinal));
        Assert.Equal(1, mine.Single(one => one.Instrument == "holdfast.store.hits").Value);
    }

    [Fact]
    public async Task embedded_calls_make_spans_only_when_asked_to()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Holdfast",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using HoldfastClient silent = await TestNode.ConnectAsync();
        silent.Put("k", 1);
        Assert.Empty(spans);
        await using HoldfastClient client = await TestNode.ConnectAsync(options: new HoldfastClientOptions { EmbeddedSpans = true });
        await client.PutAsync("k", 1);
        Assert.Throws<HoldfastException>(() => client.Get<Guid>("k"));
        Assert.Null(Activity.Current);
        Activity[] made = [.. spans];
        Assert.Equal(["put", "get"], made.Select(span => span.OperationName));
        Assert.All(made, span => Assert.Equal(ActivityKind.Client, span.Kind));
        Assert.Equal("tests", made[0].GetTagItem("db.namespace"));
        Assert.Equal((ActivityStatusCode.Error, "Serialization"), (made[1].Status, made[1].GetTagItem("error.type")));
    }
}
