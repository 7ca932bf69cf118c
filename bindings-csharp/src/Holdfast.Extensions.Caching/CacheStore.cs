using Microsoft.Extensions.Logging;

namespace Holdfast.Extensions.Caching;

/// <summary>
/// The store of one cache, opened at the first use: an application starts while its cluster is down, and an opening
/// that failed is tried again by the next call.
/// </summary>
internal sealed class CacheStore : IDisposable, IAsyncDisposable
{
    private readonly ICacheConnection _connection;
    private readonly string _instanceName;
    private readonly ILogger? _logger;
    private readonly Lock _opening = new();
    private volatile HoldfastClient? _view;
    private HoldfastClient? _opened;
    private ClassWarning? _warning;
    private bool _disposed;

    internal CacheStore(ICacheConnection connection, string? instanceName, ILogger? logger)
    {
        _connection = connection;
        _instanceName = instanceName ?? "";
        _logger = logger;
    }

    /// <summary>The client whose keys are those of the cache.</summary>
    internal HoldfastClient View => _view ?? Open();

    /// <summary>As <see cref="View"/>; does not begin to open for a caller that has cancelled.</summary>
    internal HoldfastClient ViewFor(CancellationToken token)
    {
        if (_view is { } view)
        {
            return view;
        }

        return token.IsCancellationRequested ? throw HoldfastCanceledException.BeforeSending(token) : Open();
    }

    public void Dispose() => Close()?.Dispose();

    public ValueTask DisposeAsync() => Close()?.DisposeAsync() ?? ValueTask.CompletedTask;

    private HoldfastClient? Close()
    {
        lock (_opening)
        {
            _disposed = true;
            _view = null;
            _warning?.Dispose();
            _warning = null;
            var opened = _opened;
            _opened = null;
            return opened;
        }
    }

    private HoldfastClient Open()
    {
        lock (_opening)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(HoldfastDistributedCache));
            if (_view is { } view)
            {
                return view;
            }

            var opened = _connection.Open();
            _warning = _logger is null ? null : ClassWarning.For(opened, _logger);
            _opened = opened;
            return _view = _instanceName.Length == 0 ? opened : opened.WithPrefix(_instanceName);
        }
    }
}
