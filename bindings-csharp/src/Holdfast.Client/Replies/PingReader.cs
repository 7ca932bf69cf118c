using System.Diagnostics;
using System.Text;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>Reads who answered a ping, and how long it took.</summary>
internal readonly struct PingReader : IReplyReader<HoldfastPing>
{
    private readonly long _started;

    private PingReader(long started) => _started = started;

    internal static PingReader Now() => new(Stopwatch.GetTimestamp());

    public HoldfastPing Read(in Reply reply)
    {
        string[] parts = Encoding.UTF8.GetString(reply.Data).Split('\n');
        return new HoldfastPing
        {
            RoundTrip = Stopwatch.GetElapsedTime(_started),
            Endpoint = HoldfastEndpoint.TryParse(parts[0]),
            NodeName = parts.Length > 1 ? parts[1] : "",
            Epoch = reply.Number,
        };
    }
}
