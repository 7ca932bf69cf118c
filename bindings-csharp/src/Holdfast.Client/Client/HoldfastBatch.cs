using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>
/// Mixed operations that are sent as one request and applied in order, each succeeding or failing for itself: a
/// batch is not atomic. Made by <see cref="HoldfastClient.Batch"/>, filled by one thread, sent once.
/// </summary>
[SuppressMessage("Naming", "CA1716", Justification = "Get is what the verb is called everywhere else.")]
public class HoldfastBatch
{
    private readonly HoldfastClient? _client;
    private readonly List<(HoldfastKey Key, BatchOperation Operation)> _asked = [];
    private RequestItems? _items;
    private bool _isSent;

    /// <summary>For test doubles.</summary>
    protected HoldfastBatch()
    {
    }

    internal HoldfastBatch(HoldfastClient client) => _client = client;

    /// <summary>Number of operations so far.</summary>
    public virtual int Count => _asked.Count;

    private HoldfastClient Client =>
        _client ?? throw new InvalidOperationException("This HoldfastBatch is a test double whose member was not overridden.");

    /// <summary>Adds a read; <see cref="BatchResult.Get{T}"/> gives its value.</summary>
    /// <param name="key">The key.</param>
    public virtual HoldfastBatch Get(HoldfastKey key)
    {
        Add(Op.Get, BatchOperation.Get, key);
        return this;
    }

    /// <summary>Adds the question whether a key exists.</summary>
    /// <param name="key">The key.</param>
    public virtual HoldfastBatch Exists(HoldfastKey key)
    {
        Add(Op.Exists, BatchOperation.Exists, key);
        return this;
    }

    /// <summary>Adds a put.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="options">When the entry expires.</param>
    /// <param name="typeInfo">How JSON of the type is written; null: the value format and the client's serializer.</param>
    public virtual HoldfastBatch Put<T>(
        HoldfastKey key,
        T value,
        PutOptions? options = null,
        JsonTypeInfo<T>? typeInfo = null) =>
        AddValue(BatchOperation.Put, key, value, RequestFlags.None, 0, options, typeInfo);

    /// <summary>Adds a put that is applied if the key does not exist.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="options">When the entry expires.</param>
    /// <param name="typeInfo">How JSON of the type is written; null: the value format and the client's serializer.</param>
    public virtual HoldfastBatch Create<T>(
        HoldfastKey key,
        T value,
        PutOptions? options = null,
        JsonTypeInfo<T>? typeInfo = null) =>
        AddValue(BatchOperation.Create, key, value, RequestFlags.IfAbsent, 0, options, typeInfo);

    /// <summary>Adds a put that is applied if the entry has a version.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; not null.</param>
    /// <param name="version">The version that the entry must have.</param>
    /// <param name="options">When the entry expires.</param>
    /// <param name="typeInfo">How JSON of the type is written; null: the value format and the client's serializer.</param>
    public virtual HoldfastBatch Replace<T>(
        HoldfastKey key,
        T value,
        long version,
        PutOptions? options = null,
        JsonTypeInfo<T>? typeInfo = null) =>
        AddValue(BatchOperation.Replace, key, value, RequestFlags.IfVersion, version, options, typeInfo);

    /// <summary>Adds a deletion.</summary>
    /// <param name="key">The key.</param>
    /// <param name="version">The version that the entry must have; null: any.</param>
    public virtual HoldfastBatch Delete(HoldfastKey key, long? version = null)
    {
        ref HfRequest.Unmanaged item = ref Add(Op.Delete, BatchOperation.Delete, key);
        if (version is { } expected)
        {
            item.version = expected;
            item.flags = (uint)RequestFlags.IfVersion;
        }

        return this;
    }

    /// <summary>Adds the sliding of a deadline.</summary>
    /// <param name="key">The key.</param>
    public virtual HoldfastBatch Touch(HoldfastKey key)
    {
        Add(Op.Refresh, BatchOperation.Touch, key);
        return this;
    }

    /// <summary>Adds the replacement of an entry's expiry settings.</summary>
    /// <param name="key">The key.</param>
    /// <param name="options">When the entry expires.</param>
    public virtual HoldfastBatch Expire(HoldfastKey key, ExpiryOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Expiry expiry = options.Resolve(Client.TimeProvider);
        ref HfRequest.Unmanaged item = ref Add(Op.SetExpiry, BatchOperation.Expire, key);
        expiry.WriteTo(ref item);
        return this;
    }

    /// <summary>Adds the removal of an entry's expiry settings.</summary>
    /// <param name="key">The key.</param>
    public virtual HoldfastBatch Persist(HoldfastKey key)
    {
        Add(Op.SetExpiry, BatchOperation.Persist, key); // no expiry settings: none from now on
        return this;
    }

    /// <summary>Adds a counter's change.</summary>
    /// <param name="key">The key.</param>
    /// <param name="delta">How much.</param>
    /// <param name="options">Bounds, first value and expiry.</param>
    public virtual HoldfastBatch Increment(HoldfastKey key, long delta = 1, IncrementOptions? options = null)
    {
        HfRequest.Unmanaged checkedFirst = default;
        WriteIncrement(ref checkedFirst, delta, options, Client.TimeProvider);
        ref HfRequest.Unmanaged item = ref Add(Op.Increment, BatchOperation.Increment, key);
        WriteIncrement(ref item, delta, options, Client.TimeProvider);
        return this;
    }

    /// <summary>Sends the batch.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>One result for each operation, in their order.</returns>
    public virtual IReadOnlyList<BatchResult> Send(CancellationToken cancellationToken = default) =>
        SendWith(null, cancellationToken);

    /// <inheritdoc cref="Send(CancellationToken)"/>
    /// <param name="options">How the call is made. Timeouts given with single operations do not count.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual IReadOnlyList<BatchResult> Send(RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return SendWith(options, cancellationToken);
    }

    /// <inheritdoc cref="Send(CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<BatchResult>> SendAsync(CancellationToken cancellationToken = default) =>
        SendWithAsync(null, cancellationToken);

    /// <inheritdoc cref="Send(RequestOptions, CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<BatchResult>> SendAsync(
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return SendWithAsync(options, cancellationToken);
    }

    internal IReadOnlyList<BatchResult> SendWith(RequestOptions? options, CancellationToken cancellationToken)
    {
        using RequestItems? items = TakeItems();
        return items is null ? [] : Client.SendBatch(items, [.. _asked], options, cancellationToken);
    }

    internal ValueTask<IReadOnlyList<BatchResult>> SendWithAsync(
        RequestOptions? options,
        CancellationToken cancellationToken)
    {
        using RequestItems? items = TakeItems();
        return items is null ? new([]) : Client.SendBatchAsync(items, [.. _asked], options, cancellationToken);
    }

    internal static void WriteIncrement(
        ref HfRequest.Unmanaged request,
        long delta,
        IncrementOptions? options,
        TimeProvider clock)
    {
        request.delta = delta;
        request.minimum = options?.Minimum ?? long.MinValue;
        request.maximum = options?.Maximum ?? long.MaxValue;
        request.initial = options?.Initial ?? 0;
        if (options is null)
        {
            return;
        }

        if (options.Minimum > options.Maximum)
        {
            throw new ArgumentException($"The bounds {options.Minimum} to {options.Maximum} leave no value.", nameof(options));
        }

        options.Resolve(clock).WriteTo(ref request);
        request.flags |= (uint)(options.ResetExpiry ? RequestFlags.ResetExpiry : RequestFlags.None);
    }

    private HoldfastBatch AddValue<T>(
        BatchOperation operation,
        in HoldfastKey key,
        T value,
        RequestFlags flags,
        long version,
        PutOptions? options,
        JsonTypeInfo<T>? typeInfo)
    {
        EncodedValue encoded = EncodedValue.Of(
            value, stackalloc byte[EncodedValue.RoomLength], Client.ValueSerializer, typeInfo);
        try
        {
            Expiry expiry = options?.Resolve(Client.TimeProvider) ?? default;
            ref HfRequest.Unmanaged item = ref Add(Op.Put, operation, key);
            item.flags = (uint)(flags | (options?.NeverEvict == true ? RequestFlags.NeverEvict : RequestFlags.None));
            item.version = version;
            expiry.WriteTo(ref item);
            _items!.SetPayload(ref item, encoded.Bytes);
            return this;
        }
        finally
        {
            encoded.Dispose();
        }
    }

    private ref HfRequest.Unmanaged Add(Op op, BatchOperation operation, in HoldfastKey key)
    {
        ThrowIfSent();
        _items ??= new RequestItems();
        ref HfRequest.Unmanaged item = ref _items.Add(op, key, Client.Prefix);
        _asked.Add((key, operation));
        return ref item;
    }

    private RequestItems? TakeItems()
    {
        ThrowIfSent();
        _isSent = true;
        RequestItems? items = _items;
        _items = null;
        return items;
    }

    private void ThrowIfSent()
    {
        if (_isSent)
        {
            throw new InvalidOperationException("The batch was sent already; make a new one.");
        }
    }
}
