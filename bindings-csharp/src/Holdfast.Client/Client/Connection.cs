using Holdfast.Interop;
using Microsoft.Extensions.Logging;

namespace Holdfast;

/// <summary>
/// What a client and its views share: the options, and the native client, opened at the first use. An opening that
/// failed is not remembered. Opening a client of servers does no I/O: that begins with the first call.
/// </summary>
internal sealed class Connection
{
    private readonly Lock _guard = new();
    private readonly ILogger? _logger;
    private readonly TaskCompletionSource _closing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private NativeClient? _native;
    private bool _isDisposed;

    internal Connection(HoldfastClientOptions options)
    {
        Options = options;
        Context = new ValueContext(
            options.Serializer ?? HoldfastJsonSerializer.Default, options.TimeProvider ?? TimeProvider.System);
        _logger = options.LoggerFactory?.CreateLogger("Holdfast.Client");
        States = new ConnectionStates(_logger);
    }

    internal HoldfastClientOptions Options { get; }

    internal ValueContext Context { get; }

    internal ConnectionStates States { get; }

    internal NativeClient Native => Volatile.Read(ref _native) ?? Open();

    /// <summary>The native client if it is open.</summary>
    internal NativeClient? OpenNative => Volatile.Read(ref _native);

    internal bool IsDisposed => Volatile.Read(ref _isDisposed);

    /// <summary>Done when it is disposed, for calls that wait for something else than a reply.</summary>
    internal Task Closing => _closing.Task;

    /// <summary>Closes the native client; what is pending fails, and the task ends when nothing follows.</summary>
    internal Task Close()
    {
        NativeClient? native;
        bool isFirst;
        lock (_guard)
        {
            isFirst = !_isDisposed;
            _isDisposed = true;
            native = _native;
        }

        _closing.TrySetResult();
        States.Close();
        if (native is null)
        {
            return Task.CompletedTask;
        }

        native.Close();
        if (isFirst)
        {
            if (_logger is not null)
            {
                ClientLog.Disconnected(_logger, native.StoreName, NodeOf(native));
            }

            if (Options.LoggerFactory is { } factory)
            {
                NativeLog.Remove(factory);
            }
        }

        return native.Closed;
    }

    private static string NodeOf(NativeClient native) => native.IsRemote ? native.Target : native.EmbeddedNodeName;

    private NativeClient Open()
    {
        lock (_guard)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(HoldfastClient));
            if (_native is { } open)
            {
                return open;
            }

            if (Options.LoggerFactory is { } factory)
            {
                NativeLibraryLoader.Require();
                NativeLog.Add(factory);
            }

            try
            {
                NativeClient native = NativeClient.Open(Options.ConnectionString!, Options.Settings(), States);
                Volatile.Write(ref _native, native);
                if (!native.IsRemote)
                {
                    States.OpenedEmbedded(native.EmbeddedNodeName);
                    if (_logger is not null)
                    {
                        ClientLog.Connected(_logger, native.StoreName, native.EmbeddedNodeName);
                    }
                }

                return native;
            }
            catch
            {
                if (Options.LoggerFactory is { } unused)
                {
                    NativeLog.Remove(unused);
                }

                throw;
            }
        }
    }
}
