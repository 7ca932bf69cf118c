using System.Runtime.CompilerServices;
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

    private OpenStore OpenNow()
    {
        NativeClient native = _connection.Native;
        bool hasEmbeddedSpans = _connection.Options.EmbeddedSpans;
        OpenStore opened = _name is null
            ? new OpenStore(native, 0, native.StoreName, native.StoreClass, hasEmbeddedSpans)
            : OpenStore.ByName(native, _name, _settings, hasEmbeddedSpans);
        return Interlocked.CompareExchange(ref _open, opened, null) ?? opened;
    }
}
