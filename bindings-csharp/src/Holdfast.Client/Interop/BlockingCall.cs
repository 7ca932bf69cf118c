namespace Holdfast.Interop;

/// <summary>
/// A pending call that its caller's thread waits for; the native callback itself wakes it. A thread waits for one call
/// at a time, so it keeps its last one for the next.
/// </summary>
internal sealed class BlockingCall<TResult, TReader> : PendingCall
    where TReader : struct, IReplyReader<TResult>
{
    private const int Awaited = 0;
    private const int Completed = 1;
    private const int Abandoned = 2;

    [ThreadStatic]
    private static BlockingCall<TResult, TReader>? s_atHand;

    private readonly object _gate = new();

    // Changes by comparing and exchanging: a waiter that is interrupted has no lock.
    private int _state = Awaited;

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
        try
        {
            call.AwaitSignal();
        }
        catch
        {
            call.Abandon();
            throw;
        }

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
            if (Interlocked.CompareExchange(ref _state, Completed, Awaited) == Awaited)
            {
                Monitor.Pulse(_gate);
                return;
            }
        }

        Free();
    }

    protected override void SignalEarly() => _state = Completed;

    private void AwaitSignal()
    {
        lock (_gate)
        {
            while (Volatile.Read(ref _state) != Completed)
            {
                Monitor.Wait(_gate);
            }

            _state = Awaited;
        }
    }

    /// <summary>
    /// The waiting thread was interrupted: the completion, which comes in any case, gives the ticket back then. This
    /// object is not used again.
    /// </summary>
    private void Abandon()
    {
        if (Interlocked.CompareExchange(ref _state, Abandoned, Awaited) == Completed)
        {
            Free();
        }
    }

    private void Free()
    {
        GiveTicketBack();
        Clear();
    }
}
