using System.Text;
using Holdfast.Interop;

namespace Holdfast;

/// <content>The cluster behind the client.</content>
public partial class HoldfastClient
{
    private HoldfastCluster? _cluster;

    /// <summary>The cluster that the client talks to: how it is doing, and what an operator may do to it.</summary>
    public virtual HoldfastCluster Cluster => _cluster ??= new HoldfastCluster(this);

    internal ValueTask<TResult> AdministerAsync<TResult, TReader>(
        string asked,
        TimeSpan? timeout,
        TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        byte[] payload = Encoding.UTF8.GetBytes(asked);
        var operation = new Operation { Op = Op.ClusterAdmin, Payload = payload };
        if (timeout is { } given)
        {
            operation.Request.timeout_ms = (uint)given.TotalMilliseconds;
        }

        return SendAsync<TResult, TReader>(ref operation, reader, cancellationToken);
    }
}
