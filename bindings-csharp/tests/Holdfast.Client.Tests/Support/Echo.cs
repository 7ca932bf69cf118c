using System.Text;
using Holdfast.Interop;

namespace Holdfast.Tests;

/// <summary>Calls through the whole boundary without a node: native code answers with the call's own key and number.</summary>
internal sealed class Echo : IAsyncDisposable
{
    internal NativeClient Native { get; } = NativeClient.Open(string.Empty, string.Empty);

    public async ValueTask DisposeAsync()
    {
        Native.Close();
        await Native.Closed;
    }

    internal ValueTask<string> CallAsync(EchoMode mode, string key, CancellationToken cancellationToken = default)
    {
        var operation = new Operation { Op = Op.Echo, Key = key, EchoMode = mode };
        var reader = default(TextReader);
        Measurement none = default;
        return Native.CallAsync<string, TextReader>(ref operation, ref reader, in none, cancellationToken);
    }

    internal ValueTask<byte[]> CallForArrayAsync(EchoMode mode, string key)
    {
        var operation = new Operation { Op = Op.Echo, Key = key, EchoMode = mode };
        var reader = default(ArrayReader);
        Measurement none = default;
        return Native.CallAsync<byte[], ArrayReader>(ref operation, ref reader, in none, default);
    }

    internal ValueTask<long> CountAsync(EchoMode mode, long number)
    {
        var operation = new Operation { Op = Op.Echo, Key = "k", EchoMode = mode };
        operation.Request.delta = number;
        var reader = default(NumberReader);
        Measurement none = default;
        return Native.CallAsync<long, NumberReader>(ref operation, ref reader, in none, default);
    }

    internal string Call(EchoMode mode, string key, CancellationToken cancellationToken = default)
    {
        var operation = new Operation { Op = Op.Echo, Key = key, EchoMode = mode };
        var reader = default(TextReader);
        return Native.Call<string, TextReader>(ref operation, ref reader, cancellationToken);
    }

    private readonly struct TextReader : IReplyReader<string>
    {
        public string Read(in Reply reply) => Encoding.UTF8.GetString(reply.Data);
    }

    private readonly struct ArrayReader : IReplyReader<byte[]>
    {
        public static bool KeepsArray => true;

        public byte[] Read(in Reply reply) => reply.Array ?? reply.Data.ToArray();
    }
}
