using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using Failover.Shop;

namespace Failover.Experiment;

/// <summary>Customers that order over HTTP, each one order after the other, and later look whether the shop knows them.</summary>
public sealed class Customers(Uri shop, int count) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = shop };
    private readonly ConcurrentDictionary<string, Order> _acknowledged = new();
    private readonly ConcurrentBag<TimeSpan> _waits = [];
    private int _failed;

    /// <summary>Orders that the shop has answered with 201.</summary>
    public int Acknowledged => _acknowledged.Count;

    /// <summary>Orders that it has answered with an error: nobody knows whether it has them.</summary>
    public int Failed => Volatile.Read(ref _failed);

    /// <summary>The longest that any customer waited for an answer.</summary>
    public TimeSpan LongestWait => _waits.DefaultIfEmpty().Max();

    /// <summary>What half of the orders took less than.</summary>
    public TimeSpan MedianWait => _waits.Order().ElementAtOrDefault(_waits.Count / 2);

    /// <summary>Orders until it is said to be enough; orders that are under way then are waited for.</summary>
    public Task OrderAsync(CancellationToken enough) => Task.WhenAll(Enumerable.Range(1, count).Select(number => OrderAsync(number, enough)));

    /// <summary>Reads every acknowledged order; gives how many came back as they were.</summary>
    public async Task<int> ReadBackAsync(CancellationToken cancelled)
    {
        var same = 0;
        await Parallel.ForEachAsync(_acknowledged, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancelled }, async (order, stop) =>
        {
            using var answer = await _http.GetAsync(new Uri($"/orders/{order.Key}", UriKind.Relative), stop);
            if (answer.IsSuccessStatusCode && await answer.Content.ReadFromJsonAsync<Order>(stop) == order.Value)
            {
                Interlocked.Increment(ref same);
            }
        });
        return same;
    }

    public void Dispose() => _http.Dispose();

    private async Task OrderAsync(int customer, CancellationToken enough)
    {
        for (var number = 1; !enough.IsCancellationRequested; number++)
        {
            var order = new Order($"product {number % 100}", customer);
            var id = $"{customer}-{number}";
            var waited = Stopwatch.StartNew();
            using var answer = await _http.PutAsJsonAsync(new Uri($"/orders/{id}", UriKind.Relative), order, CancellationToken.None);
            _waits.Add(waited.Elapsed);
            if (answer.StatusCode == HttpStatusCode.Created)
            {
                _acknowledged[id] = order;
            }
            else
            {
                Interlocked.Increment(ref _failed);
            }
        }
    }
}
