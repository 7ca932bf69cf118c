using System.Runtime.CompilerServices;
using System.Text;

namespace Holdfast.Interop;

/// <summary>One open native client: submits requests and gives their replies to readers, at once or when they come.</summary>
internal sealed unsafe class NativeClient
{
    /// <summary>Keys up to this many bytes are encoded on the stack.</summary>
    private const int KeyRoom = 512;

    /// <summary>Replies up to this many bytes come on the stack and need no release.</summary>
    private const int ReplyRoom = 2048;

    private readonly NativeClientHandle _handle;
    private readonly ulong _number;

    private NativeClient(NativeClientHandle handle, string storeName, string nodeName, HoldfastStoreClass storeClass)
    {
        _handle = handle;
        _number = handle.Number;
        StoreName = storeName;
        NodeName = nodeName;
        StoreClass = storeClass;
    }

    /// <summary>The connection string's store.</summary>
    internal string StoreName { get; }

    /// <summary>The node that answers.</summary>
    internal string NodeName { get; }

    /// <summary>The class of the connection string's store.</summary>
    internal HoldfastStoreClass StoreClass { get; }

    /// <summary>Done when the last completion came.</summary>
    internal Task Closed => _handle.Closed;

    /// <summary>Opens a client; an empty text gives one without a node, on which only echoes work.</summary>
    internal static NativeClient Open(string connectionString, string settings)
    {
        NativeLibraryLoader.Require();
        byte[] text = Encoding.UTF8.GetBytes(connectionString);
        byte[] lines = Encoding.UTF8.GetBytes(settings);
        Callbacks.Registration registration = Callbacks.Register();
        ulong number = 0;
        HfReply.Unmanaged fields = default;
        uint status;
        fixed (byte* textPointer = text)
        fixed (byte* linesPointer = lines)
        {
            status = Interop.hf_open(
                (nint)textPointer,
                (uint)text.Length,
                (nint)linesPointer,
                (uint)lines.Length,
                registration.Context,
                Callbacks.Completed,
                (nint)(&number),
                (nint)(&fields));
        }

        try
        {
            var reply = new Reply(ref fields, DataOf(in fields));
            if ((Status)status != Status.Ok)
            {
                registration.Forget();
                throw NativeError.Of(reply, CancellationToken.None);
            }

            string[] names = Encoding.UTF8.GetString(reply.Data).Split('\n');
            return new NativeClient(
                new NativeClientHandle(number, registration),
                names[0],
                names.Length > 1 ? names[1] : string.Empty,
                (HoldfastStoreClass)reply.Previous);
        }
        finally
        {
            if (fields.release != 0)
            {
                Interop.hf_reply_release(fields.release);
            }
        }
    }

    /// <summary>
    /// Why a connection string and settings cannot be opened, as far as that shows without opening them; null when
    /// they can.
    /// </summary>
    internal static string? Check(string connectionString, string settings)
    {
        NativeLibraryLoader.Require();
        byte[] text = Encoding.UTF8.GetBytes(connectionString);
        byte[] lines = Encoding.UTF8.GetBytes(settings);
        HfReply.Unmanaged fields = default;
        fixed (byte* textPointer = text)
        fixed (byte* linesPointer = lines)
        {
            _ = Interop.hf_check(
                (nint)textPointer, (uint)text.Length, (nint)linesPointer, (uint)lines.Length, (nint)(&fields));
        }

        try
        {
            var reply = new Reply(ref fields, new ReadOnlySpan<byte>((void*)fields.data, checked((int)fields.data_length)));
            return reply.Status == Status.Ok ? null : NativeError.Of(reply, CancellationToken.None).Message;
        }
        finally
        {
            if (fields.release != 0)
            {
                Interop.hf_reply_release(fields.release);
            }
        }
    }

    /// <summary>Fails what is pending and never blocks; <see cref="Closed"/> follows. Any number of times.</summary>
    internal void Close() => _handle.Dispose();

    internal void Cancel(ulong ticket) => _ = Interop.hf_cancel(_number, ticket);

    /// <summary>Makes a call and waits for its reply on this thread if it does not come at once.</summary>
    internal TResult Call<TResult, TReader>(
        ref Operation operation,
        ref TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        if (cancellationToken.IsCancellationRequested)
        {
            throw HoldfastCanceledException.BeforeSending(cancellationToken);
        }

        if (TryComplete(ref operation, ref reader, cancellationToken, out TResult result, out Pending pending))
        {
            return result;
        }

        return new BlockingCall<TResult, TReader>().Wait(this, pending.Ticket, pending.Number, ref reader, cancellationToken);
    }

    /// <summary>Makes a call; a reply that comes at once gives a finished task.</summary>
    internal ValueTask<TResult> CallAsync<TResult, TReader>(
        ref Operation operation,
        ref TReader reader,
        in Measurement measurement,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        Exception failure;
        try
        {
            if (cancellationToken.IsCancellationRequested)
            {
                throw HoldfastCanceledException.BeforeSending(cancellationToken);
            }

            if (!TryComplete(ref operation, ref reader, cancellationToken, out TResult result, out Pending pending))
            {
                return AsyncCall<TResult, TReader>.Start(
                    this, pending.Ticket, pending.Number, in reader, in measurement, cancellationToken);
            }

            measurement.End(null);
            return new ValueTask<TResult>(result);
        }
        catch (ArgumentException error)
        {
            measurement.End(error);
            throw; // a mistake of the caller's is thrown where it was made, not when the task is awaited
        }
        catch (Exception error)
        {
            failure = error;
        }

        measurement.End(failure);
        return FailedTask.Of<TResult>(failure);
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
