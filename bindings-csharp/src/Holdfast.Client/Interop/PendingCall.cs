using System.Buffers;

namespace Holdfast.Interop;

/// <summary>A call whose reply comes later: what its completion fills in, and its caller's cancellation.</summary>
internal abstract class PendingCall
{
    private HfReply.Unmanaged _fields;
    private byte[]? _data;
    private bool _isRented;
    private Exception? _failure;
    private NativeClient? _client;
    private Ticket? _place;
    private ulong _ticket;
    private CancellationToken _cancellationToken;
    private CancellationTokenRegistration _registration;
    private bool _isCancellationOver = true;

    /// <summary>Whether the data's copy has exactly its length, because the reader keeps it.</summary>
    internal abstract bool KeepsArray { get; }

    protected Status ReplyStatus => (Status)_fields.status;

    protected Journey Journey => Journey.Of(in _fields);

    /// <summary>
    /// Whether nothing can refer to this call any more. A cancellation that had begun may still be running with it,
    /// and must not meet another request in its place.
    /// </summary>
    protected bool MayBeReused => _isCancellationOver;

    /// <summary>Waits for the reply of a ticket that became pending.</summary>
    internal void Await(NativeClient client, Ticket ticket, ulong number, CancellationToken cancellationToken)
    {
        _client = client;
        _place = ticket;
        _ticket = number;
        _cancellationToken = cancellationToken;
        if (cancellationToken.CanBeCanceled)
        {
            _isCancellationOver = false;
            _registration = cancellationToken.UnsafeRegister(
                static state => ((PendingCall)state!).Cancel(), this);
        }

        ticket.Attach(this);
        Tickets.EndIfAllHave(number);
    }

    /// <summary>Takes the reply, once, in the native callback, and wakes who waits.</summary>
    internal void Complete(in HfReply.Unmanaged fields, byte[]? data, bool isRented, Exception? failure)
    {
        Take(in fields, data, isRented, failure);
        Signal();
    }

    /// <summary>Takes the reply, once, in <see cref="Await"/>, than which it was faster.</summary>
    internal void CompleteEarly(in HfReply.Unmanaged fields, byte[]? data, Exception? failure)
    {
        Take(in fields, data, isRented: false, failure);
        GiveTicketBack();
        SignalEarly();
    }

    /// <summary>Wakes who waits; runs nothing of theirs, for the thread is native code's.</summary>
    protected abstract void Signal();

    /// <summary>Marks the call as complete on its caller's own thread, before anybody can wait for it.</summary>
    protected abstract void SignalEarly();

    /// <summary>After the completion and before anything of the caller's runs, on that caller's thread.</summary>
    protected void GiveTicketBack()
    {
        if (_place is { } place)
        {
            _place = null;
            Tickets.GiveBack(place);
        }
    }

    protected TResult Read<TResult, TReader>(ref TReader reader)
        where TReader : struct, IReplyReader<TResult>
    {
        if (_failure is not null)
        {
            throw new HoldfastException(
                HoldfastErrorCode.Internal, "The reply could not be taken over.", HoldfastOutcome.Unknown, innerException: _failure);
        }

        int length = _data is null ? 0 : (int)_fields.data_length;
        var reply = new Reply(ref _fields, _data.AsSpan(0, length), _isRented ? null : _data);
        return reply.Status == Status.Ok ? reader.Read(reply) : throw NativeError.Of(reply, _cancellationToken);
    }

    /// <summary>Forgets the reply, before reuse.</summary>
    protected void Clear()
    {
        if (_data is not null && _isRented)
        {
            ArrayPool<byte>.Shared.Return(_data);
        }

        _data = null;
        _failure = null;
        _client = null;
        _registration = default;
        _cancellationToken = default;
    }

    private void Take(in HfReply.Unmanaged fields, byte[]? data, bool isRented, Exception? failure)
    {
        _fields = fields;
        _data = data;
        _isRented = isRented;
        _failure = failure;

        // Without waiting: a cancellation that is running just keeps this object out of the pool. A call that
        // nobody awaits leaves nothing behind in the caller's token either.
        _isCancellationOver = !_cancellationToken.CanBeCanceled || _registration.Unregister();
    }

    private void Cancel() => _client?.Cancel(_ticket);
}
