using System.Globalization;

namespace Holdfast;

/// <summary>Where a node listens.</summary>
public sealed class HoldfastEndpoint
{
    /// <summary>The port that nodes listen on unless told otherwise.</summary>
    public const int DefaultPort = 7861;

    /// <summary>A node's address.</summary>
    /// <param name="host">Name or address of the host.</param>
    /// <param name="port">Its port.</param>
    public HoldfastEndpoint(string host, int port = DefaultPort)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(host);
        ArgumentOutOfRangeException.ThrowIfLessThan(port, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, ushort.MaxValue);
        Host = host;
        Port = port;
    }

    /// <summary>Name or address of the host.</summary>
    public string Host { get; }

    /// <summary>The port.</summary>
    public int Port { get; }

    /// <summary><c>host:port</c>, an IPv6 address in brackets.</summary>
    public override string ToString() =>
        Host.Contains(':', StringComparison.Ordinal) && Host[0] != '[' ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    /// <summary>Reads <c>host:port</c>; null when it is none.</summary>
    internal static HoldfastEndpoint? TryParse(string text)
    {
        int colon = text.LastIndexOf(':');
        return colon > 0
            && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port)
            && port is > 0 and <= ushort.MaxValue
                ? new HoldfastEndpoint(text[..colon].Trim('[', ']'), port)
                : null;
    }
}
