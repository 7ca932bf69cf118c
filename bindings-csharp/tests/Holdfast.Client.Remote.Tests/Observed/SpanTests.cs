using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Holdfast.Tests.Observed;

[Collection(Alone.Name)]
public class SpanTests
{
    [Fact]
    public async Task a_call_is_a_client_span_with_its_store_server_retries_and_error_and_never_a_key()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node);
        client.Put("warm", 1);
        var spans = new ConcurrentQueue<Activity>();
        using ActivityListener listener = Listen(spans);
        await client.PutAsync("secret key", 1);
        client.Get<int>("secret key");
        await Assert.ThrowsAsync<HoldfastException>(async () => await client.IncrementAsync("secret key", 1, new IncrementOptions { Maximum = 0 }));
        Assert.Null(Activity.Current);

        Activity[] made = [.. spans];
        Assert.Equal(["put", "get", "increment"], made.Select(static span => span.GetTagItem("db.operation.name")));
        Assert.All(made, span =>
        {
            Assert.Equal(ActivityKind.Client, span.Kind);
            Assert.Equal(("holdfast", "tests"), (span.GetTagItem("db.system.name"), span.GetTagItem("db.namespace")));
            Assert.Equal(("127.0.0.1", node.Port), (span.GetTagItem("server.address"), span.GetTagItem("server.port")));
            Assert.Equal(0, span.GetTagItem("holdfast.retries"));
            Assert.InRange(span.Duration, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(30));
            Assert.DoesNotContain(span.TagObjects, static tag => tag.Value?.ToString()?.Contains("secret", StringComparison.Ordinal) == true);
        });
        Assert.Equal([null, null, "CounterOutOfBounds"], made.Select(static span => span.GetTagItem("error.type")));
        Assert.Equal(ActivityStatusCode.Error, made[2].Status);
    }

    [Fact]
    public async Task calls_in_flight_at_the_same_time_are_siblings_under_their_callers_span()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node);
        client.Put("warm", 1);
        var spans = new ConcurrentQueue<Activity>();
        using ActivityListener listener = Listen(spans);
        using Activity caller = new Activity("caller").Start();
        Task<int>[] calls = [.. Enumerable.Range(0, 10).Select(index => client.GetAsync<int>($"k{index}").AsTask())];
        Assert.Same(caller, Activity.Current);
        await Task.WhenAll(calls);
        Assert.Same(caller, Activity.Current);
        Assert.Equal(10, spans.Count);
        Assert.All(spans, span => Assert.Equal(caller.SpanId, span.ParentSpanId));
    }

    [Fact]
    public async Task a_call_that_no_server_answered_names_where_it_was_to_go()
    {
        using ServeProcess dead = Nodes.Dead();
        await using HoldfastClient client = Nodes.ClientOf(dead, static options => options.Timeout = TimeSpan.FromMilliseconds(200));
        var spans = new ConcurrentQueue<Activity>();
        using ActivityListener listener = Listen(spans);
        await Assert.ThrowsAsync<HoldfastException>(async () => await client.GetAsync<int>("k"));
        Activity span = Assert.Single(spans);
        Assert.Equal(("Unavailable", "127.0.0.1"), (span.GetTagItem("error.type"), span.GetTagItem("server.address")));
    }

    [Fact]
    public async Task a_call_that_is_sent_again_says_how_often()
    {
        ServeProcess node = ServeProcess.Start();
        try
        {
            await using HoldfastClient client = Nodes.ClientOf(node);
            client.Put("warm", 1);
            node.Suspend();
            var spans = new ConcurrentQueue<Activity>();
            using ActivityListener listener = Listen(spans);
            Task<int?> get = client.GetAsync<int?>("warm").AsTask();
            node = node.Again();
            Assert.Null(await get);
            Assert.True((int)Assert.Single(spans).GetTagItem("holdfast.retries")! > 0);
        }
        finally
        {
            node.Dispose();
        }
    }

    [Fact]
    public async Task the_duration_of_calls_is_measured_by_server_and_not_by_retries()
    {
        using ServeProcess node = ServeProcess.Start();
        await using HoldfastClient client = Nodes.ClientOf(node);
        client.Put("warm", 1);
        var measured = new ConcurrentQueue<Dictionary<string, object?>>();
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument is { Meter.Name: "Holdfast", Name: "db.client.operation.duration" })
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) => measured.Enqueue(new Dictionary<string, object?>(tags.ToArray())));
        listener.Start();
        await client.PutAsync("k", 1);
        Dictionary<string, object?> put = Assert.Single(measured);
        Assert.Equal(
            ["db.namespace", "db.operation.name", "db.system.name", "server.address", "server.port"],
            put.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(node.Port, put["server.port"]);
    }

    private static ActivityListener Listen(ConcurrentQueue<Activity> spans)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Holdfast",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
