using System.Runtime.CompilerServices;
using System.Text;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>The way from a client or view to its store, opened at the first verb and shared by views with prefixes.</summary>
internal sealed class StoreLink
{
    private readonly Connection _connection;
    private readonly string? _name;
    private readonly string _settings;
    private OpenStore? _open;

    /// <summary>The connection string's store.</summary>
    internal StoreLink(Connection connection)
        : this(connection, null, string.Empty)
    {
    }

    /// <summary>A store by name.</summary>
    internal StoreLink(Connection connection, string? name, string settings)
    {
        _connection = connection;
        _name = name;
        _settings = settings;
    }

    internal OpenStore Open
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Volatile.Read(ref _open) ?? OpenNow();
    }

    /// <summary>One name for one store, however it was opened.</summary>
    private static string WithoutDefaultTenant(string name) =>
        name.StartsWith("default/", StringComparison.Ordinal) ? name["default/".Length..] : name;

    private OpenStore OpenNow()
    {
        NativeClient native = _connection.Native;
        bool hasSpans = _connection.Options.EmbeddedSpans;
        OpenStore opened = _name is null
            ? new OpenStore(native, 0, WithoutDefaultTenant(native.StoreName), native.StoreClass, hasSpans)
            : OpenByName(native, _name, hasSpans);
        return Interlocked.CompareExchange(ref _open, opened, null) ?? opened;
    }

    private OpenStore OpenByName(NativeClient native, string name, bool hasSpans)
    {
        var operation = new Operation
        {
            Op = Op.OpenStore,
            Key = name,
            Payload = Encoding.UTF8.GetBytes(_settings),
        };
        var reader = default(OpenedReader);
        (uint id, HoldfastStoreClass storeClass, string fullName) =
            native.Call<(uint, HoldfastStoreClass, string), OpenedReader>(ref operation, ref reader, CancellationToken.None);
        return new OpenStore(native, id, fullName, storeClass, hasSpans);
    }

    private readonly struct OpenedReader : IReplyReader<(uint Id, HoldfastStoreClass StoreClass, string FullName)>
    {
        public (uint Id, HoldfastStoreClass StoreClass, string FullName) Read(in Reply reply) =>
            (checked((uint)reply.Number), (HoldfastStoreClass)reply.Previous, Encoding.UTF8.GetString(reply.Data));
    }
}
