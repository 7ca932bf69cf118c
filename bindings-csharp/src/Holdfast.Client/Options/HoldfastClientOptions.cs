using System.Text;
using Microsoft.Extensions.Logging;

namespace Holdfast;

/// <summary>
/// How a client connects, and the settings of the store that its connection string names. They are copied when the
/// client is made; what is null is not given, and then what the connection string says holds.
/// </summary>
public class HoldfastClientOptions : HoldfastStoreOptions
{
    /// <summary>
    /// <c>holdfast://embedded/STORE?setting=value&amp;…</c> for a store in this process,
    /// <c>holdfast://host1:7861,host2:7861/STORE?…</c> for one on servers, <c>holdfasts://…</c> for that over TLS.
    /// Settings of these options win over those in the string.
    /// </summary>
    public string? ConnectionString { get; set; }

    /// <summary><c>node</c>: name of an isolated embedded node, which ends with its last client; null: the process's own.</summary>
    public string? Node { get; set; }

    /// <summary><c>clock</c>: where the embedded node's time comes from.</summary>
    public HoldfastClock? Clock { get; set; }

    /// <summary><c>memory-limit</c>: what the embedded node may use for all its stores, as text such as <c>2GiB</c>.</summary>
    public string? MemoryLimit { get; set; }

    /// <summary>
    /// <c>data</c>: directory that the embedded node keeps coordination stores in; null: in memory. A change is then answered
    /// when it is on disk. Cache stores stay in memory.
    /// </summary>
    public string? Data { get; set; }

    /// <summary>
    /// <c>default-class</c>: class of a store that this client makes when nothing says its class;
    /// <see cref="HoldfastStoreClass.Coordination"/> when null.
    /// </summary>
    public HoldfastStoreClass? DefaultClass { get; set; }

    /// <summary><c>auto-create-stores</c>: whether a store that does not exist is made on first use.</summary>
    public bool? AutoCreateStores { get; set; }

    /// <summary><c>connect-timeout</c>: how long connecting may take.</summary>
    public TimeSpan? ConnectTimeout { get; set; }

    /// <summary><c>timeout</c>: how long a call may take that does not say so itself.</summary>
    public TimeSpan? Timeout { get; set; }

    /// <summary>
    /// <c>read-consistency</c>: how fresh reads are that do not say so themselves (<see cref="RequestOptions.ReadConsistency"/>);
    /// linearizable when null.
    /// </summary>
    public ReadConsistency? ReadConsistency { get; set; }

    /// <summary><c>client-name</c>: names the client in logs and on servers.</summary>
    public string? ClientName { get; set; }

    /// <summary><c>tls-ca</c>: path of a PEM file with the authorities that a server's certificate must come from; those that the system trusts when null.</summary>
    public string? TlsCa { get; set; }

    /// <summary><c>tls-certificate</c>: path of a PEM file with the client's own certificate chain, for servers that ask for one.</summary>
    public string? TlsCertificate { get; set; }

    /// <summary><c>tls-key</c>: path of a PEM file with the private key of <see cref="TlsCertificate"/>.</summary>
    public string? TlsKey { get; set; }

    /// <summary><c>tls-server-name</c>: the name that the server's certificate must be for; the connection string's host when null.</summary>
    public string? TlsServerName { get; set; }

    /// <summary><c>token</c>: the secret that servers ask for. It is never logged or shown in a message.</summary>
    public string? Token { get; set; }

    /// <summary>Writes the values of types that Holdfast does not write itself; JSON with web defaults when null.</summary>
    public IHoldfastSerializer? Serializer { get; set; }

    /// <summary>The clock that absolute expirations are compared with; the system's when null.</summary>
    public TimeProvider? TimeProvider { get; set; }

    /// <summary>Where the log lines of the client and of an embedded node go; nowhere when null.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>Whether calls that an embedded node answers also make spans, as calls to servers do, not only measurements.</summary>
    public bool EmbeddedSpans { get; set; }

    internal override void WriteSettings(StringBuilder lines)
    {
        base.WriteSettings(lines);
        SettingLines.Add(lines, "node", Node);
        SettingLines.Add(lines, "clock", Clock);
        SettingLines.Add(lines, "memory-limit", MemoryLimit);
        SettingLines.Add(lines, "data", Data);
        SettingLines.Add(lines, "default-class", DefaultClass);
        SettingLines.Add(lines, "auto-create-stores", AutoCreateStores);
        SettingLines.Add(lines, "connect-timeout", ConnectTimeout);
        SettingLines.Add(lines, "timeout", Timeout);
        SettingLines.Add(lines, "read-consistency", ReadConsistency?.ToString());
        SettingLines.Add(lines, "client-name", ClientName);
        SettingLines.Add(lines, "tls-ca", TlsCa);
        SettingLines.Add(lines, "tls-certificate", TlsCertificate);
        SettingLines.Add(lines, "tls-key", TlsKey);
        SettingLines.Add(lines, "tls-server-name", TlsServerName);
        SettingLines.Add(lines, "token", Token);
    }

    internal HoldfastClientOptions Copy()
    {
        var copy = new HoldfastClientOptions
        {
            ConnectionString = ConnectionString,
            Node = Node,
            Clock = Clock,
            MemoryLimit = MemoryLimit,
            Data = Data,
            DefaultClass = DefaultClass,
            AutoCreateStores = AutoCreateStores,
            ConnectTimeout = ConnectTimeout,
            Timeout = Timeout,
            ReadConsistency = ReadConsistency,
            ClientName = ClientName,
            TlsCa = TlsCa,
            TlsCertificate = TlsCertificate,
            TlsKey = TlsKey,
            TlsServerName = TlsServerName,
            Token = Token,
            Serializer = Serializer,
            TimeProvider = TimeProvider,
            LoggerFactory = LoggerFactory,
            EmbeddedSpans = EmbeddedSpans,
        };
        CopyTo(copy);
        return copy;
    }
}
