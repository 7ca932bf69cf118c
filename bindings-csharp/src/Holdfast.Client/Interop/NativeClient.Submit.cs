using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Holdfast.Interop;

/// <content>How a request gets to native code, and a reply that comes at once back.</content>
internal sealed unsafe partial class NativeClient
{
    /// <summary>Submits: gives the call if it pends, else its result or failure.</summary>
    private AsyncCall<TResult, TReader>? Begin<TResult, TReader>(
        ref Operation operation,
        ref TReader reader,
        in Measurement measurement,
        CancellationToken cancellationToken,
        out TResult result,
        out Exception? failure)
        where TReader : struct, IReplyReader<TResult>
    {
        failure = null;
        result = default!;
        try
        {
            if (cancellationToken.IsCancellationRequested)
            {
                throw HoldfastCanceledException.BeforeSending(cancellationToken);
            }

            if (!TryComplete(ref operation, ref reader, cancellationToken, out result, out Pending pending))
            {
                return AsyncCall<TResult, TReader>.Start(
                    this, pending.Ticket, pending.Number, in reader, in measurement, cancellationToken);
            }
        }
        catch (Exception error)
        {
            failure = error;
        }

        if (measurement.IsOn)
        {
            measurement.End(failure, operation.Journey, Stopwatch.GetTimestamp());
        }

        if (failure is ArgumentException)
        {
            // A mistake of the caller's is thrown where it was made, not when the task is awaited.
            ExceptionDispatchInfo.Throw(failure);
        }

        return null;
    }

    [SkipLocalsInit]
    private bool TryComplete<TResult, TReader>(
        ref Operation operation,
        ref TReader reader,
        CancellationToken cancellationToken,
        out TResult result,
        out Pending pending)
        where TReader : struct, IReplyReader<TResult>
    {
        ulong* room = stackalloc ulong[(ReplyRoom + KeyRoom) / sizeof(ulong)]; // items in a reply are aligned
        byte* keyRoom = (byte*)room + ReplyRoom;
        Ticket ticket = Tickets.AtHand();
        ulong number = ticket.Number;
        HfReply.Unmanaged reply;
        operation.Request.ticket = number;
        operation.Request.room = (nint)room;
        operation.Request.room_length = ReplyRoom;
        if (operation.HasOnlyKey
            && KeyEncoding.TryEncodeShort(
                operation.Key, operation.Prefix, new Span<byte>(keyRoom, KeyRoom), out int keyLength))
        {
            // No pinning: a ref struct is on the stack, and so is the key.
            operation.Request.key = (nint)keyRoom;
            operation.Request.key_length = (uint)keyLength;
            _ = Interop.hf_submit(_number, (nint)Unsafe.AsPointer(ref operation.Request), 1, (nint)(&reply));
            GC.KeepAlive(this); // its finalizer would close the client under the call
        }
        else
        {
            Submit(ref operation, keyRoom, &reply);
        }

        if ((Status)reply.status == Status.Pending)
        {
            Tickets.Spend();
            pending = new Pending(ticket, number);
            result = default!;
            return false;
        }

        pending = default;
        operation.Journey = Journey.Of(in reply);
        result = Read<TResult, TReader>(in reply, ref reader, cancellationToken);
        return true;
    }

    private static TResult Read<TResult, TReader>(
        in HfReply.Unmanaged fields,
        ref TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        if (fields.release == 0)
        {
            return ReadData<TResult, TReader>(in fields, ref reader, cancellationToken);
        }

        try
        {
            return ReadData<TResult, TReader>(in fields, ref reader, cancellationToken);
        }
        finally
        {
            Interop.hf_reply_release(fields.release);
        }
    }

    private static TResult ReadData<TResult, TReader>(
        in HfReply.Unmanaged fields,
        ref TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        if ((Status)fields.status != Status.Ok)
        {
            throw Failure(in fields, cancellationToken);
        }

        return reader.Read(new Reply(in fields, DataOf(in fields)));
    }

    /// <summary>Apart from reading, whose reply stays in registers then.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Exception Failure(in HfReply.Unmanaged fields, CancellationToken cancellationToken) =>
        NativeError.Of(new Reply(in fields, DataOf(in fields)), cancellationToken);

    private static ReadOnlySpan<byte> DataOf(in HfReply.Unmanaged fields) =>
        new((void*)fields.data, checked((int)fields.data_length));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Submit(ref Operation operation, byte* keyRoom, HfReply.Unmanaged* reply)
    {
        byte[]? rented = null;
        ReadOnlySpan<byte> key = operation.HasKey
            ? KeyEncoding.Encode(operation.Key, operation.Prefix, new Span<byte>(keyRoom, KeyRoom), ref rented)
            : default;

        fixed (byte* keyPointer = key)
        fixed (byte* payload = operation.Payload)
        fixed (byte* cursor = operation.Cursor)
        fixed (HfRequest.Unmanaged* request = &operation.Request)
        {
            request->key = (nint)keyPointer;
            request->key_length = (uint)key.Length;
            request->payload = (nint)payload;
            request->payload_length = (uint)operation.Payload.Length;
            request->cursor = (nint)cursor;
            request->cursor_length = (uint)operation.Cursor.Length;
            if (operation.Items is not null)
            {
                SubmitItems(operation.Items, request, reply);
            }
            else if (operation.Op != Op.Echo)
            {
                _ = Interop.hf_submit(_number, (nint)request, 1, (nint)reply);
            }
            else
            {
                _ = Interop.hf_echo(_number, (nint)request, 1, (nint)reply, (uint)operation.EchoMode);
            }
        }

        if (rented is not null)
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(rented);
        }

        GC.KeepAlive(this); // its finalizer would close the client under the call
    }

    private void SubmitItems(RequestItems items, HfRequest.Unmanaged* request, HfReply.Unmanaged* reply)
    {
        fixed (byte* bytes = items.Bytes)
        fixed (HfRequest.Unmanaged* requests = items.Requests)
        {
            for (int index = 0; index < items.Count; index++)
            {
                requests[index].key += (nint)bytes;
                requests[index].payload += (nint)bytes;
            }

            request->payload = (nint)requests;
            request->payload_length = (uint)items.Count;
            _ = Interop.hf_submit(_number, (nint)request, 1, (nint)reply);
        }
    }

    /// <summary>A request that was accepted and is still to be completed.</summary>
    private readonly struct Pending(Ticket ticket, ulong number)
    {
        internal Ticket Ticket { get; } = ticket;

        internal ulong Number { get; } = number;
    }
}
