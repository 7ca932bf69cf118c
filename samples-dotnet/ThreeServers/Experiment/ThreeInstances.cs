using System.Reflection;
using Microsoft.Data.Sqlite;
using ThreeServers.Shop;

namespace ThreeServers.Experiment;

/// <summary>Three processes of the application over one database, and the proxy before them.</summary>
public sealed class ThreeInstances : IAsyncDisposable
{
    /// <summary>What is in the database when they start.</summary>
    public static readonly Product Laptop = new(1, "Laptop", 1200.00m);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("three-servers-");
    private readonly List<ServerProcess> _instances = [];
    private RoundRobinProxy? _proxy;

    private ThreeInstances()
    {
    }

    /// <summary>Where the load balancer listens.</summary>
    public Uri Proxy => _proxy!.Address;

    /// <summary>Where each instance listens itself.</summary>
    public IEnumerable<Uri> Instances => _instances.Select(static instance => new Uri(instance.Address));

    /// <summary>Starts them.</summary>
    /// <param name="cache">Settings of the application that choose its cache, such as <c>--Cache=memory</c>.</param>
    /// <param name="cancelled">Gives up; what was started until then is stopped.</param>
    public static async Task<ThreeInstances> StartAsync(IReadOnlyCollection<string> cache, CancellationToken cancelled)
    {
        var started = new ThreeInstances();
        try
        {
            await started.StartAllAsync(cache, cancelled);
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
        }

        foreach (var instance in _instances)
        {
            await instance.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    private async Task StartAllAsync(IReadOnlyCollection<string> cache, CancellationToken cancelled)
    {
        var database = new SqliteConnectionStringBuilder
        {
            DataSource = Path.Combine(_folder.FullName, "products.db"),
            Pooling = false,
        };
        await new ProductDatabase(database.ConnectionString).CreateAsync(Laptop, cancelled);
        for (var number = 1; number <= 3; number++)
        {
            _instances.Add(await ServerProcess.StartAsync(
                $"instance {number}",
                "dotnet",
                [
                    Assembly.GetExecutingAssembly().Location,
                    "shop",
                    "--urls=http://127.0.0.1:0",
                    $"--Instance={number}",
                    $"--ConnectionStrings:Products={database.ConnectionString}",
                    .. cache,
                ],
                cancelled));
        }

        _proxy = await RoundRobinProxy.StartAsync(Instances, cancelled);
    }
}
