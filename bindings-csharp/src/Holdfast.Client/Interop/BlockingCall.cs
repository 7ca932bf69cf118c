namespace Holdfast.Interop;

/// <summary>
/// A pending call that its caller's thread waits for; the native callback itself wakes it. A thread waits for one call
/// at a time, so it keeps its last one for the next.
/// </summary>
internal sealed class BlockingCall<TResult, TReader> : PendingCall
    where TReader : struct, IReplyReader<TResult>
{
    [ThreadStatic]
    private static BlockingCall<TResult, TReader>? s_atHand;

    private readonly object _gate = new();
    private bool _isComplete;

    internal override bool KeepsArray => TReader.KeepsArray;

    internal static TResult Wait(
        NativeClient client,
        Ticket ticket,
        ulong number,
        ref TReader reader,
        out Journey journey,
        CancellationToken cancellationToken)
    {
        BlockingCall<TResult, TReader> call = s_atHand ?? new BlockingCall<TResult, TReader>();
        s_atHand = null; // what reads the reply may be the application's, and call again
        call.Await(client, ticket, number, cancellationToken);
        call.AwaitSignal();
        call.GiveTicketBack();
        journey = call.Journey;
        try
        {
            return call.Read<TResult, TReader>(ref reader);
        }
        finally
        {
            call.Clear();
            if (call.MayBeReused)
            {
                s_atHand = call;
            }
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

    protected override void SignalEarly() => _isComplete = true;

    private void AwaitSignal()
    {
        lock (_gate)
        {
            while (!_isComplete)
            {
                Monitor.Wait(_gate);
            }

            _isComplete = false;
        }
    }
}
