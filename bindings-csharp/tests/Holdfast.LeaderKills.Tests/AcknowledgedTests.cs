using System.Collections.Concurrent;
using System.Globalization;

namespace Holdfast.Tests;

public class AcknowledgedTests
{
    private const int Kills = 4;

    [Theory]
    [InlineData("")]
    [InlineData("&class=cache")]
    public async Task no_call_fails_and_nothing_acknowledged_is_lost_or_done_twice_while_leaders_are_killed(string settings)
    {
        await using HoldfastClient client = await TestNode.ConnectAsync(settings);
        var acknowledged = new ConcurrentDictionary<string, int>();
        int increments = 0;
        int last = KilledCluster.Kills.Count + Kills;
        Task[] callers = [.. Enumerable.Range(0, 8).Select(number => Task.Run(() => WorkAsync(number)))];
        await Task.WhenAll(callers).WaitAsync(TimeSpan.FromMinutes(3));

        Assert.Null(KilledCluster.Kills.Failure);
        Assert.Equal(increments, await client.GetAsync<long>("counter"));
        Assert.All(acknowledged, one => Assert.Equal(one.Value, client.Get<int>(one.Key)));
        Assert.Equal(acknowledged.Count + 1, await client.CountAsync());

        async Task WorkAsync(int number)
        {
            for (int index = 0; KilledCluster.Kills.Count < last && KilledCluster.Kills.Failure is null; index++)
            {
                string key = string.Create(CultureInfo.InvariantCulture, $"k{number}-{index % 500}");
                await client.PutAsync(key, index);
                acknowledged[key] = index;
                Assert.Equal(index, await client.GetAsync<int>(key));
                await client.IncrementAsync("counter");
                Interlocked.Increment(ref increments);
            }
        }
    }
}
