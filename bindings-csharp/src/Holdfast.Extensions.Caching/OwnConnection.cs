using Microsoft.Extensions.Logging;

namespace Holdfast.Extensions.Caching;

/// <summary>A connection that the cache makes for itself, from a connection string.</summary>
internal sealed class OwnConnection(
    string connectionString,
    HoldfastStoreOptions settings,
    TimeProvider? timeProvider,
    ILoggerFactory? loggerFactory) : ICacheConnection
{
    public HoldfastClient Open()
    {
        var options = new HoldfastClientOptions
        {
            ConnectionString = connectionString,
            DefaultClass = HoldfastStoreClass.Cache,
            TimeProvider = timeProvider,
            LoggerFactory = loggerFactory,
        };
        SettingCopies.Overlay(options, settings);
        var client = HoldfastClient.Create(options);
        try
        {
            _ = client.StoreName; // opens it, and fails here where that shows at once
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }
}
