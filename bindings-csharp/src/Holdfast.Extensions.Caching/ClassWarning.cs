using Microsoft.Extensions.Logging;

namespace Holdfast.Extensions.Caching;

/// <summary>
/// Warns once of a cache on a store of class coordination. What a store on a server is shows only when a node can be
/// reached, so it is asked for then, beside the calls of the cache: none of them waits for it.
/// </summary>
internal sealed class ClassWarning : IDisposable
{
    private readonly HoldfastClient _client;
    private readonly ILogger _logger;
    private int _isOver;

    private ClassWarning(HoldfastClient client, ILogger logger)
    {
        _client = client;
        _logger = logger;
    }

    internal static ClassWarning For(HoldfastClient client, ILogger logger)
    {
        var warning = new ClassWarning(client, logger);
        if (!warning.TryEnd())
        {
            client.ConnectionStateChanged += warning.OnChanged;
            if (client.ConnectionState == HoldfastConnectionState.Connected)
            {
                _ = warning.AskAsync();
            }
        }

        return warning;
    }

    public void Dispose() => _client.ConnectionStateChanged -= OnChanged;

    private void OnChanged(object? sender, HoldfastConnectionStateChangedEventArgs change)
    {
        if (change.State == HoldfastConnectionState.Connected)
        {
            _ = AskAsync();
        }
    }

    private async Task AskAsync()
    {
        try
        {
            await _client.ConnectStoreAsync(CancellationToken.None).ConfigureAwait(false);
            TryEnd();
        }
        catch (Exception error) when (error is IHoldfastError or ObjectDisposedException)
        {
            // The calls of the cache say what is wrong; this asks again when there is another connection.
        }
    }

    private bool TryEnd()
    {
        if (_client.StoreClass is not { } storeClass)
        {
            return false;
        }

        if (Interlocked.Exchange(ref _isOver, 1) == 0)
        {
            Dispose();
            if (storeClass == HoldfastStoreClass.Coordination)
            {
                CacheLog.StoreIsCoordination(_logger, _client.StoreName);
            }
        }

        return true;
    }
}
