namespace Holdfast.Interop;

/// <summary>A pending call that its caller's thread waits for; the native callback itself wakes it.</summary>
internal sealed class BlockingCall<TResult, TReader> : PendingCall
    where TReader : struct, IReplyReader<TResult>
{
    private readonly object _gate = new();
    private bool _isComplete;

    internal override bool KeepsArray => TReader.KeepsArray;

    internal TResult Wait(
        NativeClient client,
        Ticket ticket,
        ulong number,
        ref TReader reader,
        CancellationToken cancellationToken)
    {
        Await(client, ticket, number, cancellationToken);
        lock (_gate)
        {
            while (!_isComplete)
            {
                Monitor.Wait(_gate);
            }
        }

        try
        {
            return Read<TResult, TReader>(ref reader);
        }
        finally
        {
            Clear();
        }
    }

    protected override void Signal()
    {
        lock (_gate)
        {
            _isComplete = true;
            Monitor.Pulse(_gate);
        }
    }
}
