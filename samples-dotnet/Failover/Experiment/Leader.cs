using System.Diagnostics;

namespace Failover.Experiment;

/// <summary>Which node answers the shop's changes: the leader of its store. The client's spans say it.</summary>
public sealed class Leader : IDisposable
{
    private readonly ActivityListener _listener;
    private int _port;

    public Leader()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Holdfast",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = span =>
            {
                if (span.OperationName == "put" && span.GetTagItem("server.port") is int port)
                {
                    Volatile.Write(ref _port, port);
                }
            },
        };
        ActivitySource.AddActivityListener(_listener);
    }

    /// <summary>The port of the node that answered the last change.</summary>
    public int Port => Volatile.Read(ref _port);

    public void Dispose() => _listener.Dispose();
}
