using System.Reflection;

namespace Holdfast.Benchmarks.Remote;

/// <summary>A contestant: one client of its own kind in this process, and the server that it is connected to.</summary>
internal abstract class RemoteSide(int serverProcess) : IAsyncDisposable
{
    internal abstract string Name { get; }

    /// <summary>What is measured, with versions.</summary>
    internal abstract string Description { get; }

    internal ServerCpu Server { get; } = new(serverProcess);

    internal abstract RemoteLoop Gets(string[] keys);

    internal abstract RemoteLoop Sets(string[] keys, byte[] value);

    internal abstract RemoteLoop CacheGets(string[] keys);

    internal abstract RemoteLoop CacheSets(string[] keys, byte[] value);

    internal abstract Task<byte[]?> GetAsync(string key);

    internal abstract Task SetAsync(string key, byte[] value);

    internal abstract Task CacheSetAsync(string key, byte[] value);

    public abstract ValueTask DisposeAsync();

    private protected static string? VersionOf(Type type) =>
        type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];
}
