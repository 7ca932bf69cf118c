using System.Runtime.InteropServices;
using Holdfast.Interop;

namespace Holdfast.Benchmarks.Calls;

/// <summary>
/// Echoes on a client without a node: the boundary alone. The request and its reply lie in native memory that is
/// filled in once, so that an inline echo is the native call and nothing else.
/// </summary>
internal sealed unsafe class EchoCalls : IDisposable
{
    private const int KeyLength = 20;
    private const int RoomLength = 512;

    private readonly NativeClient _client;
    private readonly ulong _number;
    private readonly byte* _memory;
    private readonly HfRequest.Unmanaged* _request;
    private readonly HfReply.Unmanaged* _reply;

    internal EchoCalls()
    {
        _client = NativeClient.Open(string.Empty, string.Empty);

        // A second one for the calls below: the number of the first is its owner's secret.
        _number = OpenBare();
        nuint size = (nuint)(sizeof(HfRequest.Unmanaged) + sizeof(HfReply.Unmanaged) + KeyLength + RoomLength);
        _memory = (byte*)NativeMemory.AllocZeroed(size);
        _request = (HfRequest.Unmanaged*)_memory;
        _reply = (HfReply.Unmanaged*)(_request + 1);
        byte* key = (byte*)(_reply + 1);
        new Span<byte>(key, KeyLength).Fill((byte)'k');
        _request->ticket = 1;
        _request->op = (uint)Op.Echo;
        _request->key = (nint)key;
        _request->key_length = KeyLength;
        _request->room = (nint)(key + KeyLength);
        _request->room_length = RoomLength;
        _request->delta = 42;
    }

    /// <summary>A call into native code that does nothing.</summary>
    internal static ulong Empty() => Interop.Interop.hf_abi_version();

    /// <summary>An echo that the native call itself answers.</summary>
    internal void Inline()
    {
        _ = Interop.Interop.hf_echo(_number, (nint)_request, 1, (nint)_reply, (uint)EchoMode.Inline);
        if (_reply->number != 42)
        {
            throw new InvalidOperationException("The echo is not what was said.");
        }
    }

    /// <summary>The same through all that a verb of the client goes through.</summary>
    internal long InlineThroughClient(string key)
    {
        var operation = new Operation { Op = Op.Echo, Key = key, EchoMode = EchoMode.Inline };
        operation.Request.delta = 42;
        var reader = default(NumberReader);
        return _client.Call<long, NumberReader>(ref operation, ref reader, CancellationToken.None);
    }

    /// <summary>An echo that the client's I/O thread completes later.</summary>
    internal ValueTask<long> Deferred(string key, long number)
    {
        var operation = new Operation { Op = Op.Echo, Key = key, EchoMode = EchoMode.Deferred };
        operation.Request.delta = number;
        var reader = default(NumberReader);
        return _client.CallAsync<long, NumberReader>(ref operation, ref reader, default, CancellationToken.None);
    }

    public void Dispose()
    {
        _ = Interop.Interop.hf_close(_number);
        _client.Close();
        NativeMemory.Free(_memory);
    }

    private static ulong OpenBare()
    {
        ulong number = 0;
        HfReply.Unmanaged reply = default;
        uint status = Interop.Interop.hf_open(0, 0, 0, 0, 0, 0, (nint)(&number), (nint)(&reply));
        Interop.Interop.hf_reply_release(reply.release);
        return (Status)status == Status.Ok
            ? number
            : throw new InvalidOperationException($"A client without a node does not open: status {status}.");
    }

    private readonly struct NumberReader : IReplyReader<long>
    {
        public long Read(in Reply reply) => reply.Number;
    }
}
