using System.Diagnostics.CodeAnalysis;
using System.Text;
using Holdfast.Interop;
using Microsoft.Extensions.Logging;

namespace Holdfast;

/// <summary>
/// The state of one client's connection: taken over from the native thread, told to the application on the thread
/// pool, one change after the other in the order in which they happened.
/// </summary>
internal sealed class ConnectionStates(ILogger? logger)
{
    private readonly Lock _guard = new();
    private readonly Queue<HoldfastConnectionStateChangedEventArgs> _untold = new();
    private bool _isTelling;
    private volatile HoldfastConnectionState _state;
    private volatile string _nodeName = "";
    private WeakReference<HoldfastClient>? _sender;

    /// <summary>Raised on the thread pool; a handler that throws is logged and keeps nothing from the others.</summary>
    internal event EventHandler<HoldfastConnectionStateChangedEventArgs>? Changed;

    /// <summary>The state now, which may be ahead of what was told.</summary>
    internal HoldfastConnectionState State => _state;

    /// <summary>The node that answered last; empty before there was one.</summary>
    internal string NodeName => _nodeName;

    /// <summary>Whom the events come from. Weakly: a client that nobody holds is finalized, and native code knows this object.</summary>
    internal void SentBy(HoldfastClient client) => _sender = new WeakReference<HoldfastClient>(client);

    /// <summary>An embedded node is connected once it is open, and stays so.</summary>
    internal void OpenedEmbedded(string nodeName)
    {
        _nodeName = nodeName;
        _state = HoldfastConnectionState.Connected;
    }

    internal void Close()
    {
        lock (_guard)
        {
            _state = HoldfastConnectionState.Closed;
            _untold.Clear();
        }
    }

    /// <summary>Takes a change over, on the native thread: nothing of the application's runs here.</summary>
    internal void Take(in Reply reply)
    {
        HoldfastConnectionStateChangedEventArgs change = Read(in reply);
        lock (_guard)
        {
            if (_state == HoldfastConnectionState.Closed)
            {
                return;
            }

            _state = change.State;
            if (change is { State: HoldfastConnectionState.Connected, NodeName: { } node })
            {
                _nodeName = node;
            }

            _untold.Enqueue(change);
            if (_isTelling)
            {
                return;
            }

            _isTelling = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(static self => self.TellAll(), this, preferLocal: false);
    }

    private static HoldfastConnectionStateChangedEventArgs Read(in Reply reply)
    {
        string[] parts = Encoding.UTF8.GetString(reply.Data).Split('\n', 3);
        return new HoldfastConnectionStateChangedEventArgs
        {
            State = reply.Number switch
            {
                0 => HoldfastConnectionState.Connecting,
                1 => HoldfastConnectionState.Connected,
                _ => HoldfastConnectionState.Disconnected,
            },
            Endpoint = HoldfastEndpoint.TryParse(parts[0]),
            NodeName = TextAt(parts, 1),
            Epoch = reply.Version,
            EpochChanged = (reply.Flags & ReplyFlags.EpochChanged) != 0,
            Reason = TextAt(parts, 2),
        };
    }

    private static string? TextAt(string[] parts, int index) =>
        parts.Length > index && parts[index].Length > 0 ? parts[index] : null;

    private void TellAll()
    {
        while (true)
        {
            HoldfastConnectionStateChangedEventArgs? change;
            lock (_guard)
            {
                if (!_untold.TryDequeue(out change))
                {
                    _isTelling = false;
                    return;
                }
            }

            Tell(change);
        }
    }

    private void Tell(HoldfastConnectionStateChangedEventArgs change)
    {
        Guard(() => Log(change));
        HoldfastClient? sender = null;
        _sender?.TryGetTarget(out sender);
        foreach (EventHandler<HoldfastConnectionStateChangedEventArgs> handler in Delegate.EnumerateInvocationList(Changed))
        {
            Guard(() => handler(sender, change));
        }
    }

    /// <summary>What the application's loggers and handlers throw would end the process here.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever it is, it concerns nobody else.")]
    private void Guard(Action act)
    {
        try
        {
            act();
        }
        catch (Exception error)
        {
            try
            {
                if (logger is not null)
                {
                    ClientLog.HandlerFailed(logger, error);
                }
            }
            catch
            {
                // The logger it was that failed.
            }
        }
    }

    private void Log(HoldfastConnectionStateChangedEventArgs change)
    {
        if (logger is null)
        {
            return;
        }

        switch (change.State)
        {
            case HoldfastConnectionState.Connected when change.EpochChanged:
                ClientLog.EpochChanged(logger, change.NodeName, change.Endpoint, change.Epoch);
                break;
            case HoldfastConnectionState.Connected:
                ClientLog.ConnectedTo(logger, change.NodeName, change.Endpoint);
                break;
            case HoldfastConnectionState.Disconnected when change.Endpoint is null:
                ClientLog.Refused(logger, change.Reason); // there was no connection to lose
                break;
            case HoldfastConnectionState.Disconnected:
                ClientLog.ConnectionLost(logger, change.Endpoint, change.Reason);
                break;
            default:
                break;
        }
    }
}
