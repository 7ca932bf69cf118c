using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Failover.Experiment;

/// <summary>Three nodes that form a cluster.</summary>
public sealed class ThreeNodes : IAsyncDisposable
{
    /// <summary>Below the ports that systems give to connections: a node that was killed finds its own free again.</summary>
    private const int FirstPort = 17_000;

    private const int LastPort = 32_000;

    private static readonly TimeSpan MostTimeToForm = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly List<NodeProcess> _nodes = [];
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(2) };

    private ThreeNodes()
    {
    }

    /// <summary>All three, as a connection string has them.</summary>
    public string Endpoints => string.Join(',', _nodes.Select(static node => node.Address));

    /// <summary>Starts them and waits until each has its copies.</summary>
    public static async Task<ThreeNodes> StartAsync(CancellationToken cancelled)
    {
        var started = new ThreeNodes();
        try
        {
            var addresses = FreeAddresses();
            foreach (var (name, address) in "abc".Zip(addresses))
            {
                started._nodes.Add(await NodeProcess.StartAsync($"{name}", address, string.Join(',', addresses), cancelled));
            }

            await started.ReadyAsync(cancelled);
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    /// <summary>Kills the node at a port; gives its name.</summary>
    public async Task<string> KillAsync(int port)
    {
        var node = _nodes.Single(node => node.Address.EndsWith($":{port}", StringComparison.Ordinal));
        await node.KillAsync();
        return node.Name;
    }

    /// <summary>Starts the node of that name again, and waits until it has got its copies from the others.</summary>
    public async Task StartAgainAsync(string name, CancellationToken cancelled)
    {
        var index = _nodes.FindIndex(node => node.Name == name);
        _nodes[index] = await _nodes[index].AgainAsync(cancelled);
        await ReadyAsync(cancelled);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        _http.Dispose();
    }

    private static string[] FreeAddresses()
    {
        // All are held until the last one is found, so that none comes twice.
        var held = new List<TcpListener>();
        while (held.Count < 3)
        {
            var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(FirstPort, LastPort));
            try
            {
                listener.Start();
                held.Add(listener);
            }
            catch (SocketException)
            {
                listener.Dispose();
            }
        }

        string[] addresses = [.. held.Select(static listener => listener.LocalEndpoint.ToString()!)];
        held.ForEach(static listener => listener.Dispose());
        return addresses;
    }

    private async Task ReadyAsync(CancellationToken cancelled)
    {
        var waited = Stopwatch.StartNew();
        foreach (var node in _nodes)
        {
            while (!await IsReadyAsync(node, cancelled))
            {
                if (waited.Elapsed > MostTimeToForm)
                {
                    throw new NodeProcessException($"node {node.Name} is not ready after {waited.Elapsed.TotalSeconds:0} s:\n{node.Errors}");
                }

                await Task.Delay(Look, cancelled);
            }
        }
    }

    private async Task<bool> IsReadyAsync(NodeProcess node, CancellationToken cancelled)
    {
        try
        {
            using var answer = await _http.GetAsync(node.Readiness, cancelled);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception failed) when (failed is HttpRequestException || (failed is TaskCanceledException && !cancelled.IsCancellationRequested))
        {
            return false;
        }
    }
}
