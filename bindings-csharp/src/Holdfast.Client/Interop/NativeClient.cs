using System.Text;

namespace Holdfast.Interop;

/// <summary>One open native client: submits requests and gives their replies to readers, at once or when they come.</summary>
internal sealed unsafe partial class NativeClient
{
    /// <summary>Keys up to this many bytes are encoded on the stack.</summary>
    private const int KeyRoom = 512;

    /// <summary>Replies up to this many bytes come on the stack and need no release.</summary>
    private const int ReplyRoom = 2048;

    /// <summary>What an opening's reply calls a client of other processes' nodes.</summary>
    private const long RemoteTopology = 2;

    private readonly NativeClientHandle _handle;
    private readonly ulong _number;

    private NativeClient(NativeClientHandle handle, ref readonly Reply reply)
    {
        string[] names = Encoding.UTF8.GetString(reply.Data).Split('\n');
        _handle = handle;
        _number = handle.Number;
        StoreName = names[0];
        StoreClass = ClassOf(reply.Previous);
        IsRemote = reply.Number == RemoteTopology;
        Endpoints = IsRemote ? [.. names.Skip(2).Select(HoldfastEndpoint.TryParse).OfType<HoldfastEndpoint>()] : [];
        EmbeddedNodeName = names.Length > 1 ? names[1] : "";
        Target = IsRemote ? string.Join(',', names.Skip(2).Order(StringComparer.Ordinal)) : EmbeddedNodeName;
    }

    /// <summary>The connection string's store.</summary>
    internal string StoreName { get; }

    /// <summary>The embedded node; empty for a remote client, which may talk to several.</summary>
    internal string EmbeddedNodeName { get; }

    /// <summary>The class of the connection string's store; null while it is not known.</summary>
    internal HoldfastStoreClass? StoreClass { get; }

    /// <summary>Whether the node is another process: calls take time and are sent over a network.</summary>
    internal bool IsRemote { get; }

    /// <summary>Where a remote client connects to, as replies number them.</summary>
    internal HoldfastEndpoint[] Endpoints { get; }

    /// <summary>What the client talks to: clients with the same target see the same stores.</summary>
    internal string Target { get; }

    /// <summary>Done when the last completion came.</summary>
    internal Task Closed => _handle.Closed;

    /// <summary>Opens a client; an empty text gives one without a node, on which only echoes work.</summary>
    internal static NativeClient Open(string connectionString, string settings, ConnectionStates? states = null)
    {
        NativeLibraryLoader.Require();
        byte[] text = Encoding.UTF8.GetBytes(connectionString);
        byte[] lines = Encoding.UTF8.GetBytes(settings);
        Callbacks.Registration registration = Callbacks.Register(states);
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

            return new NativeClient(new NativeClientHandle(number, registration), in reply);
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

    /// <summary>A class as replies number it.</summary>
    internal static HoldfastStoreClass? ClassOf(long number) => number < 0 ? null : (HoldfastStoreClass)number;

    /// <summary>The endpoint that a reply names as its server; null when none answered.</summary>
    internal HoldfastEndpoint? ServerOf(uint server) =>
        server > 0 && server <= Endpoints.Length ? Endpoints[server - 1] : Endpoints is [HoldfastEndpoint only] ? only : null;

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

        return BlockingCall<TResult, TReader>.Wait(
            this, pending.Ticket, pending.Number, ref reader, out operation.Journey, cancellationToken);
    }

    /// <summary>Makes a call; a reply that comes at once gives a finished task.</summary>
    internal ValueTask<TResult> CallAsync<TResult, TReader>(
        ref Operation operation,
        ref TReader reader,
        in Measurement measurement,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        AsyncCall<TResult, TReader>? call = Begin<TResult, TReader>(
            ref operation, ref reader, in measurement, cancellationToken, out TResult result, out Exception? failure);
        if (call is not null)
        {
            return call.Task;
        }

        return failure is null ? new ValueTask<TResult>(result) : FailedTask.Of<TResult>(failure);
    }

    /// <summary>As the other one, for a caller who only wants to know when.</summary>
    internal ValueTask CallWithoutResultAsync<TResult, TReader>(
        ref Operation operation,
        ref TReader reader,
        in Measurement measurement,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        AsyncCall<TResult, TReader>? call = Begin<TResult, TReader>(
            ref operation, ref reader, in measurement, cancellationToken, out _, out Exception? failure);
        if (call is not null)
        {
            return call.TaskWithoutResult;
        }

        return failure is null ? default : FailedTask.Of(failure);
    }
}
