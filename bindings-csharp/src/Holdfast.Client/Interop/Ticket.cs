namespace Holdfast.Interop;

/// <summary>
/// A place for one pending request. Its number is an index and a generation, so that native code never holds a
/// reference, and a completion that comes twice or too late meets another generation and is dropped.
/// </summary>
internal sealed class Ticket
{
    /// <summary>Stands for the waiter when the reply came before it; then the reply waits in the fields below.</summary>
    private static readonly object Early = new();

    private readonly uint _index;
    private uint _generation = 1;
    private object? _waiter;

    // Not an object of their own: the woken I/O thread is often faster than the caller that woke it.
    private HfReply.Unmanaged _earlyFields;
    private byte[]? _earlyData;
    private Exception? _earlyFailure;

    internal Ticket(uint index) => _index = index;

    /// <summary>The number that native code names this ticket by; never 0.</summary>
    internal ulong Number => ((ulong)Volatile.Read(ref _generation) << 32) | _index;

    internal bool IsAwaited => Volatile.Read(ref _waiter) is PendingCall;

    /// <summary>Takes the right to complete; false when this generation was completed before.</summary>
    internal bool TryClaim(uint generation)
    {
        uint next = generation == uint.MaxValue ? 1 : generation + 1;
        return Interlocked.CompareExchange(ref _generation, next, generation) == generation;
    }

    /// <summary>Gives a pending ticket its waiter, which gives it back; completes it here if the reply was faster.</summary>
    internal void Attach(PendingCall call)
    {
        if (Interlocked.CompareExchange(ref _waiter, call, null) is null)
        {
            return;
        }

        HfReply.Unmanaged fields = _earlyFields;
        byte[]? data = _earlyData;
        Exception? failure = _earlyFailure;
        _earlyData = null;
        _earlyFailure = null;
        Volatile.Write(ref _waiter, null);
        call.CompleteEarly(fields, data, failure);
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
            _earlyFields = reply;
            _earlyData = data;
            _earlyFailure = failure;
            call = Interlocked.CompareExchange(ref _waiter, Early, null) as PendingCall;
            if (call is null)
            {
                return; // whoever attaches completes
            }

            _earlyData = null;
            _earlyFailure = null;
        }

        Volatile.Write(ref _waiter, null);
        call.Complete(reply, data, isRented, failure);
    }
}
