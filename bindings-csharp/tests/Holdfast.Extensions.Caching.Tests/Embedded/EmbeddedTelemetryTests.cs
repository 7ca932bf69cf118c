using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;

namespace Holdfast.Extensions.Caching.Tests.Embedded;

[Collection(nameof(AloneInTheProcess))]
public sealed class EmbeddedTelemetryTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_in_the_process_are_spans_only_where_asked_for(bool spans)
    {
        var started = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Holdfast",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = started.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        var services = new ServiceCollection();
        services.AddHoldfast(options =>
        {
            options.ConnectionString = TestNode.ConnectionString("app");
            options.EmbeddedSpans = spans;
        });
        services.AddHoldfastDistributedCache();
        await using var provider = services.BuildServiceProvider();
        var cache = provider.GetRequiredService<IDistributedCache>();
        cache.Set("secret key", [1], new());
        await cache.GetAsync("secret key");

        Assert.Equal(spans ? 2 : 0, started.Count);
        Assert.All(started, static span =>
        {
            Assert.Equal(ActivityKind.Client, span.Kind);
            Assert.Equal("holdfast", span.GetTagItem("db.system.name"));
            Assert.Equal("cache", span.GetTagItem("db.namespace"));
            Assert.DoesNotContain(span.TagObjects, static tag => tag.Value?.ToString()?.Contains("secret", StringComparison.Ordinal) == true);
        });
    }
}
