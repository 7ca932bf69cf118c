using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>
/// A client of one store: typed entries with versions and deadlines, counters, batches and scans. Thread-safe; make
/// one and share it.
/// <para>
/// Every verb exists as a synchronous and an asynchronous method. Await a <see cref="ValueTask{TResult}"/> once and
/// at once; <see cref="ValueTask{TResult}.AsTask"/> makes one that can be shared.
/// </para>
/// <para>
/// Bad arguments are <see cref="ArgumentException"/>s, a timeout is a <see cref="HoldfastTimeoutException"/>, a
/// cancellation a <see cref="HoldfastCanceledException"/>, everything else that goes wrong a
/// <see cref="HoldfastException"/>: an outage is never a miss. After disposal, and for calls in flight then:
/// <see cref="ObjectDisposedException"/>.
/// </para>
/// </summary>
[SuppressMessage("Design", "CA1063", Justification = "There is nothing to finalize here: the native handle has its own finalizer.")]
[SuppressMessage("Usage", "CA1816", Justification = "There is no finalizer to suppress.")]
[SuppressMessage("Naming", "CA1716", Justification = "Get is what the verb is called everywhere else.")]
public partial class HoldfastClient : IDisposable, IAsyncDisposable
{
    private readonly Connection? _connection;
    private readonly StoreLink? _link;
    private readonly ValueContext? _context;
    private readonly byte[] _prefix = [];
    private readonly bool _isView;

    /// <summary>For test doubles that override verbs. Verbs that are not overridden throw.</summary>
    protected HoldfastClient()
    {
    }

    private HoldfastClient(Connection connection, StoreLink link, byte[] prefix, bool isView)
    {
        _connection = connection;
        _link = link;
        _context = connection.Context.Of(link);
        _prefix = prefix;
        _isView = isView;
        if (!isView)
        {
            connection.States.SentBy(this);
        }
    }

    /// <summary>The store's name: <c>name</c>, or <c>tenant/name</c> when its tenant is not <c>default</c>.</summary>
    public virtual string StoreName => Opened.Name;

    /// <summary>
    /// The store's class; null as long as it is not known. It is of an embedded store, and of the store that
    /// <see cref="ConnectAsync(HoldfastClientOptions, CancellationToken)"/> has waited for.
    /// </summary>
    public virtual HoldfastStoreClass? StoreClass => Opened.StoreClass;

    internal HoldfastClientOptions Options => (_connection ?? throw NotConnected()).Options;

    internal TimeProvider TimeProvider => Context.Clock;

    /// <summary>Where a client of servers connects to, for people; empty for an embedded one and for a test double.</summary>
    internal string EndpointsText => _connection?.OpenNative is { IsRemote: true } native ? native.Target : "";

    private ValueContext Context => _context ?? throw NotConnected();

    private OpenStore Opened => (_link ?? throw NotConnected()).Open;

    /// <summary>
    /// Makes a client that connects at its first use: nothing is opened here and nothing is sent. While no node can be
    /// reached, calls wait for one within their timeout and fail then; they succeed as soon as there is one again.
    /// </summary>
    /// <param name="options">Where to, and how. Copied.</param>
    public static HoldfastClient Create(HoldfastClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (string.IsNullOrEmpty(options.ConnectionString))
        {
            throw new ArgumentException(
                "There is no connection string: set ConnectionString, for instance to 'holdfast://embedded/STORE' or 'holdfast://host:7861/STORE'.", nameof(options));
        }

        var connection = new Connection(options.Copy());
        return new HoldfastClient(connection, new StoreLink(connection), [], isView: false);
    }

    /// <summary>Connects to a store: waits until a node serves it.</summary>
    /// <param name="connectionString">
    /// <c>holdfast://embedded/STORE?setting=value&amp;…</c> or <c>holdfast://host1:7861,host2:7861/STORE?…</c>
    /// </param>
    /// <param name="cancellationToken">Cancels connecting.</param>
    public static Task<HoldfastClient> ConnectAsync(string connectionString, CancellationToken cancellationToken = default) =>
        ConnectAsync(connectionString, new HoldfastClientOptions(), cancellationToken);

    /// <summary>Connects to a store: waits until a node serves it.</summary>
    /// <param name="connectionString">
    /// <c>holdfast://embedded/STORE?setting=value&amp;…</c> or <c>holdfast://host1:7861,host2:7861/STORE?…</c>
    /// </param>
    /// <param name="options">Settings; they win over those in the connection string.</param>
    /// <param name="cancellationToken">Cancels connecting.</param>
    public static Task<HoldfastClient> ConnectAsync(
        string connectionString,
        HoldfastClientOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionString);
        ArgumentNullException.ThrowIfNull(options);
        HoldfastClientOptions copy = options.Copy();
        copy.ConnectionString = connectionString;
        return ConnectAsync(copy, cancellationToken);
    }

    /// <summary>Connects to a store on servers: waits until a node serves it.</summary>
    /// <param name="store">The store's name.</param>
    /// <param name="endpoints">Where nodes listen; they are tried in turn.</param>
    /// <param name="cancellationToken">Cancels connecting.</param>
    public static Task<HoldfastClient> ConnectAsync(
        string store,
        IEnumerable<HoldfastEndpoint> endpoints,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(store);
        ArgumentNullException.ThrowIfNull(endpoints);
        string hosts = string.Join(',', endpoints);
        return hosts.Length == 0
            ? throw new ArgumentException("There is no endpoint to connect to.", nameof(endpoints))
            : ConnectAsync($"holdfast://{hosts}/{Uri.EscapeDataString(store)}", cancellationToken);
    }

    /// <summary>
    /// Connects to the store that the options name: waits until a node serves it. To have a client whether there is a
    /// node or not, use <see cref="Create"/>.
    /// </summary>
    /// <param name="options">Where to, and how. Copied.</param>
    /// <param name="cancellationToken">Cancels connecting.</param>
    /// <exception cref="HoldfastException">
    /// No node could be reached within <see cref="HoldfastClientOptions.ConnectTimeout"/>
    /// (<see cref="HoldfastErrorCode.Unavailable"/>), or the store could not be opened.
    /// </exception>
    public static async Task<HoldfastClient> ConnectAsync(
        HoldfastClientOptions options,
        CancellationToken cancellationToken = default)
    {
        HoldfastClient client = Create(options);
        try
        {
            if (cancellationToken.IsCancellationRequested)
            {
                throw HoldfastCanceledException.BeforeSending(cancellationToken);
            }

            OpenStore opened = client.Opened;
            if (opened.Native.IsRemote)
            {
                await opened.ConnectAsync(timeoutMs: 0, cancellationToken).ConfigureAwait(false);
            }

            return client;
        }
        catch
        {
            await client.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// A view on another store over the same connection, opened at its first verb. Disposing it does nothing; it
    /// ends with the client that it came from.
    /// </summary>
    /// <param name="name">The store's name, <c>name</c> or <c>tenant/name</c>.</param>
    /// <param name="settings">Settings of the store, should it have to be made.</param>
    /// <exception cref="ObjectDisposedException">The client is disposed.</exception>
    public virtual HoldfastClient Store(string name, HoldfastStoreOptions? settings = null) =>
        Store(name, settings, defaultClass: null);

    /// <summary>As the other one; a store that is made and of which nobody says the class has the given one.</summary>
    internal HoldfastClient Store(string name, HoldfastStoreOptions? settings, HoldfastStoreClass? defaultClass)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Connection connection = _connection ?? throw NotConnected();
        ObjectDisposedException.ThrowIf(connection.IsDisposed, typeof(HoldfastClient));

        // Only a store's own settings: options of a client that are passed here keep the rest to themselves.
        var lines = new StringBuilder();
        settings?.WriteStoreSettings(lines);
        SettingLines.Add(lines, "default-class", defaultClass);
        return new HoldfastClient(connection, new StoreLink(connection, name, lines.ToString()), [], isView: true);
    }

    /// <summary>
    /// A view on the same store in which every key has a prefix: verbs, ranges and scans mean only keys with it, and
    /// scans give them without it. Disposing it does nothing; it ends with the client that it came from.
    /// </summary>
    /// <param name="prefix">The prefix, after the one that this view has already.</param>
    public virtual HoldfastClient WithPrefix(HoldfastKey prefix)
    {
        if (prefix.IsNull)
        {
            throw new ArgumentNullException(nameof(prefix));
        }

        byte[] bytes = KeyEncoding.BoundToArray(prefix, _prefix);
        return new HoldfastClient(_connection ?? throw NotConnected(), _link!, bytes, isView: true);
    }

    /// <summary>Closes the client; calls in flight end with <see cref="ObjectDisposedException"/>. Does not wait.</summary>
    public virtual void Dispose()
    {
        if (!_isView)
        {
            _ = _connection?.Close();
        }
    }

    /// <summary>Closes the client and waits until every call in flight has ended.</summary>
    public virtual ValueTask DisposeAsync() =>
        _isView || _connection is null ? default : new ValueTask(_connection.Close());

    /// <summary>Waits until a node serves the store, which makes its class known.</summary>
    internal ValueTask ConnectStoreAsync(CancellationToken cancellationToken) => Opened.ConnectAsync(timeoutMs: 0, cancellationToken);

    /// <summary>As the other one, within a time; a test double has no store to wait for.</summary>
    internal ValueTask ConnectStoreAsync(TimeSpan timeout, CancellationToken cancellationToken) => _link is null
        ? default
        : Opened.ConnectAsync(new RequestOptions { Timeout = timeout }.TimeoutMs, cancellationToken);

    private static InvalidOperationException NotConnected() =>
        new("This HoldfastClient has no connection: it is a test double whose member was not overridden.");

    private TResult Send<TResult, TReader>(ref Operation operation, TReader reader, CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult> =>
        Opened.Call<TResult, TReader>(ref operation, reader, cancellationToken);

    private ValueTask<TResult> SendAsync<TResult, TReader>(
        ref Operation operation,
        TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        OpenStore opened;
        try
        {
            opened = Opened;
        }
        catch (Exception error) when (error is IHoldfastError or ObjectDisposedException)
        {
            return FailedTask.Of<TResult>(error);
        }

        return opened.CallAsync<TResult, TReader>(ref operation, reader, cancellationToken);
    }

    /// <summary>The same without the result: a pending call costs no further object.</summary>
    private ValueTask SendWithoutResultAsync<TResult, TReader>(
        ref Operation operation,
        TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        OpenStore opened;
        try
        {
            opened = Opened;
        }
        catch (Exception error) when (error is IHoldfastError or ObjectDisposedException)
        {
            return FailedTask.Of(error);
        }

        return opened.CallWithoutResultAsync<TResult, TReader>(ref operation, reader, cancellationToken);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Begin(Op op, scoped in HoldfastKey key, RequestOptions? options, out Operation operation)
    {
        operation = default;
        operation.Op = op;
        operation.Key = key;
        operation.Prefix = _prefix;
        if (options is not null)
        {
            operation.Request.timeout_ms = options.TimeoutMs;
            if (options.ReadConsistency is { } consistency)
            {
                operation.Request.freshness = (uint)consistency.Freshness;
                operation.Request.max_staleness_ms = consistency.MaxStalenessMs;
            }
        }
    }
}
