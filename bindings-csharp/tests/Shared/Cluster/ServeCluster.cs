using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Holdfast.Tests;

/// <summary>Three real <c>holdfast serve</c> that form a cluster. They end with this object, and with this process.</summary>
internal sealed class ServeCluster : IDisposable
{
    /// <summary>Below the ports that systems give to connections: a node that was killed finds its own free again.</summary>
    private const int FirstPort = 17_000;

    private const int LastPort = 32_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(2) };

    private readonly ServeProcess[] _nodes;

    private ServeCluster(ServeProcess[] nodes)
    {
        _nodes = nodes;
        Endpoints = string.Join(',', nodes.Select(static node => node.Address));
    }

    /// <summary><c>127.0.0.1:PORT,127.0.0.1:PORT,127.0.0.1:PORT</c>, as connection strings have it.</summary>
    internal string Endpoints { get; }

    internal IReadOnlyList<ServeProcess> Nodes => _nodes;

    /// <summary>Starts three nodes and returns when every replica is there and votes.</summary>
    internal static ServeCluster Start(params string[] arguments)
    {
        string[] addresses = FreeAddresses();
        string list = string.Join(',', addresses);
        var nodes = new List<ServeProcess>();
        try
        {
            foreach ((string address, char name) in addresses.Zip("abc"))
            {
                nodes.Add(ServeProcess.StartAt(
                    address, ["--node", $"{name}", "--join", list, "--http", "127.0.0.1:0", "--log-level", "warn", .. arguments]));
            }

            var cluster = new ServeCluster([.. nodes]);
            cluster.AwaitReady();
            return cluster;
        }
        catch
        {
            nodes.ForEach(static node => node.Dispose());
            throw;
        }
    }

    /// <summary>Waits until every replica that a node is to have is there and votes.</summary>
    internal void AwaitReady()
    {
        var waited = Stopwatch.StartNew();
        foreach (ServeProcess node in _nodes)
        {
            string reason;
            while ((reason = NotReady(node)).Length > 0)
            {
                Assert.True(waited.Elapsed < Patience, $"After {waited.Elapsed} {node.Address} is not ready: {reason}\n{Logs()}");
                Thread.Sleep(Look);
            }
        }
    }

    /// <summary>SIGKILL for the node that leads most groups; its next process, with nothing of it, takes its place.</summary>
    internal void KillLeader()
    {
        int index = Enumerable.Range(0, _nodes.Length).MaxBy(number => GroupsLedBy(_nodes[number]));
        ServeProcess killed = _nodes[index];
        killed.KillNow();
        _nodes[index] = killed.Again();
        killed.Dispose();
    }

    public void Dispose()
    {
        foreach (ServeProcess node in _nodes)
        {
            node.Dispose();
        }
    }

    /// <summary>Addresses where nobody listens, all found before any is used.</summary>
    private static string[] FreeAddresses()
    {
        var held = new List<TcpListener>();
        try
        {
            while (held.Count < 3)
            {
                var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(FirstPort, LastPort));
                try
                {
                    listener.Start();
                    held.Add(listener);
                }
                catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
                {
                    listener.Dispose();
                }
            }

            return [.. held.Select(static listener => listener.LocalEndpoint.ToString()!)];
        }
        finally
        {
            held.ForEach(static listener => listener.Dispose());
        }
    }

    /// <summary>Why a node is not ready; empty when it is.</summary>
    private static string NotReady(ServeProcess node)
    {
        try
        {
            using HttpResponseMessage answer = Http.GetAsync($"http://{node.HttpAddress}/readyz").GetAwaiter().GetResult();
            return answer.IsSuccessStatusCode ? "" : answer.Content.ReadAsStringAsync().GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            return error.Message;
        }
    }

    private static int GroupsLedBy(ServeProcess node)
    {
        const string Name = "holdfast_groups_led ";
        string metrics = Http.GetStringAsync($"http://{node.HttpAddress}/metrics").GetAwaiter().GetResult();
        string line = metrics.Split('\n').Single(static line => line.StartsWith(Name, StringComparison.Ordinal));
        return (int)double.Parse(line[Name.Length..], CultureInfo.InvariantCulture);
    }

    private string Logs() => string.Join('\n', _nodes.Select(static node => $"--- {node.Address}\n{node.Log}"));
}
