using System.Collections.Concurrent;
using System.Diagnostics;

namespace Holdfast.Tests.Faults;

[Collection(Alone.Name)]
public class RestartTests
{
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task every_call_ends_in_its_time_and_typed_while_its_node_is_killed_and_started_again()
    {
        ServeProcess node = ServeProcess.Start();
        try
        {
            await using HoldfastClient client = Nodes.ClientOf(node, static options => options.Timeout = Time);
            var ended = new ConcurrentDictionary<HoldfastErrorCode, int>();
            TimeSpan longest = TimeSpan.Zero;
            using var stop = new CancellationTokenSource();
            Task[] callers = [.. Enumerable.Range(0, 16).Select(number => Task.Factory.StartNew(
                () => CallAsync(number), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap())];
            for (int round = 0; round < 3; round++)
            {
                int before = ended.GetValueOrDefault(HoldfastErrorCode.None);
                node = node.Again();
                await Eventually.IsTrueAsync(() => ended.GetValueOrDefault(HoldfastErrorCode.None) > before + 200, "calls succeed again");
            }

            await stop.CancelAsync();
            await Task.WhenAll(callers).WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Subset(
                new HashSet<HoldfastErrorCode> { HoldfastErrorCode.None, HoldfastErrorCode.Unavailable, HoldfastErrorCode.Timeout },
                ended.Keys.ToHashSet());
            Assert.InRange(longest, TimeSpan.Zero, Time + Nodes.Slack);

            async Task CallAsync(int number)
            {
                for (int index = 0; !stop.IsCancellationRequested; index++)
                {
                    var waited = Stopwatch.StartNew();
                    HoldfastErrorCode code = await OneCallAsync(client, number, index);
                    ended.AddOrUpdate(code, 1, static (_, count) => count + 1);
                    longest = waited.Elapsed > longest ? waited.Elapsed : longest;
                }
            }
        }
        finally
        {
            node.Dispose();
        }
    }

    private static async Task<HoldfastErrorCode> OneCallAsync(HoldfastClient client, int number, int index)
    {
        string key = $"k{number}";
        try
        {
            switch (index % 4)
            {
                case 0:
                    await client.PutAsync(key, new byte[index % 2_000]);
                    break;
                case 1:
                    client.Get<byte[]>(key);
                    break;
                case 2:
                    client.Put(key, index);
                    break;
                default:
                    await client.GetManyAsync<byte[]>([key, "k0"]);
                    break;
            }

            return HoldfastErrorCode.None;
        }
        catch (Exception error) when (error is IHoldfastError)
        {
            return ((IHoldfastError)error).Code;
        }
    }
}
