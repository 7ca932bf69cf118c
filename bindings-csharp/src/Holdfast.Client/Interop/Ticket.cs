namespace Holdfast.Interop;

/// <summary>
/// A place for one pending request. Its number is an index and a generation, so that native code never holds a
/// reference, and a completion that comes twice or too late meets another generation and is dropped.
/// </summary>
internal sealed class Ticket
{
    private uint _generation = 1;

    // Null, the call that waits, or the reply that came before the call was attached.
    private object? _waiter;

    internal Ticket(uint index) => Index = index;

    internal uint Index { get; }

    /// <summary>The number that native code names this ticket by; never 0.</summary>
    internal ulong Number => ((ulong)Volatile.Read(ref _generation) << 32) | Index;

    /// <summary>Takes the right to complete; false when this generation was completed before.</summary>
    internal bool TryClaim(uint generation)
    {
        uint next = generation == uint.MaxValue ? 1 : generation + 1;
        return Interlocked.CompareExchange(ref _generation, next, generation) == generation;
    }

    /// <summary>Gives a pending ticket its waiter; completes it here if the reply was faster.</summary>
    internal void Attach(PendingCall call)
    {
        if (Interlocked.CompareExchange(ref _waiter, call, null) is EarlyReply early)
        {
            Free();
            call.Complete(early.Fields, early.Data, isRented: false, early.Failure);
        }
    }

    /// <summary>Completes a claimed ticket: copies the reply into managed memory and wakes who waits.</summary>
    internal void Complete(ref readonly HfReply.Unmanaged reply)
    {
        var call = Volatile.Read(ref _waiter) as PendingCall;

        // Nobody knows yet what reads an early reply, so its copy has exactly its length.
        bool isRented = call is { KeepsArray: false };
        byte[]? data = ReplyCopy.Of(in reply, isRented, out Exception? failure);
        if (call is null)
        {
            var early = new EarlyReply { Fields = reply, Data = data, Failure = failure };
            call = Interlocked.CompareExchange(ref _waiter, early, null) as PendingCall;
            if (call is null)
            {
                return; // whoever attaches completes and frees
            }
        }

        Free();
        call.Complete(reply, data, isRented, failure);
    }

    private void Free()
    {
        Volatile.Write(ref _waiter, null);
        Tickets.Return(this);
    }

    private sealed class EarlyReply
    {
        internal required HfReply.Unmanaged Fields { get; init; }

        internal required byte[]? Data { get; init; }

        internal required Exception? Failure { get; init; }
    }
}
