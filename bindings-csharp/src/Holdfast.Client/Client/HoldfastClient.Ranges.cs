using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <content>Count, Clear, Scan: verbs on ranges of keys.</content>
public partial class HoldfastClient
{
    /// <summary>Counts entries.</summary>
    /// <param name="range">Which; all by default.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long Count(KeyRange range = default, CancellationToken cancellationToken = default)
    {
        BeginRange(Op.Count, range, null, out Operation operation);
        return Send<long, NumberReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Count(KeyRange, CancellationToken)"/>
    /// <param name="range">Which.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long Count(KeyRange range, RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginRange(Op.Count, range, options, out Operation operation);
        return Send<long, NumberReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Count(KeyRange, CancellationToken)"/>
    public virtual ValueTask<long> CountAsync(KeyRange range = default, CancellationToken cancellationToken = default)
    {
        BeginRange(Op.Count, range, null, out Operation operation);
        return SendAsync<long, NumberReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Count(KeyRange, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<long> CountAsync(
        KeyRange range,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginRange(Op.Count, range, options, out Operation operation);
        return SendAsync<long, NumberReader>(ref operation, default, cancellationToken);
    }

    /// <summary>Removes entries. Gives how many were removed.</summary>
    /// <param name="range">Which; <see cref="KeyRange.All"/> for all.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long Clear(KeyRange range, CancellationToken cancellationToken = default)
    {
        BeginRange(Op.Clear, range, null, out Operation operation);
        return Send<long, NumberReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Clear(KeyRange, CancellationToken)"/>
    /// <param name="range">Which; <see cref="KeyRange.All"/> for all.</param>
    /// <param name="options">How the call is made.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual long Clear(KeyRange range, RequestOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginRange(Op.Clear, range, options, out Operation operation);
        return Send<long, NumberReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Clear(KeyRange, CancellationToken)"/>
    public virtual ValueTask<long> ClearAsync(KeyRange range, CancellationToken cancellationToken = default)
    {
        BeginRange(Op.Clear, range, null, out Operation operation);
        return SendAsync<long, NumberReader>(ref operation, default, cancellationToken);
    }

    /// <inheritdoc cref="Clear(KeyRange, RequestOptions, CancellationToken)"/>
    public virtual ValueTask<long> ClearAsync(
        KeyRange range,
        RequestOptions options,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        BeginRange(Op.Clear, range, options, out Operation operation);
        return SendAsync<long, NumberReader>(ref operation, default, cancellationToken);
    }

    /// <summary>
    /// Goes through entries, a page at a time: in key order in coordination stores, in a stable order in cache
    /// stores. Entries that change meanwhile are met at most once, as they are when their page is read.
    /// </summary>
    /// <typeparam name="T">The type that the values are read as.</typeparam>
    /// <param name="range">Which; all by default.</param>
    /// <param name="options">Direction, size of pages, where to resume.</param>
    /// <param name="typeInfo">How JSON of the type is read; null: the value format and the client's serializer.</param>
    public virtual IEnumerable<ScanEntry<T>> Scan<T>(
        KeyRange range = default,
        ScanOptions? options = null,
        JsonTypeInfo<T>? typeInfo = null)
    {
        ScanCursor? cursor = options?.Cursor;
        do
        {
            ScanPage<ScanEntry<T>> page = ScanPage(range, At(options, cursor), typeInfo);
            foreach (ScanEntry<T> entry in page.Entries)
            {
                yield return entry;
            }

            cursor = page.Next;
        }
        while (cursor is not null);
    }

    /// <inheritdoc cref="Scan{T}(KeyRange, ScanOptions?, JsonTypeInfo{T}?)"/>
    /// <param name="range">Which; all by default.</param>
    /// <param name="options">Direction, size of pages, where to resume.</param>
    /// <param name="typeInfo">How JSON of the type is read; null: the value format and the client's serializer.</param>
    /// <param name="cancellationToken">Cancels the scan.</param>
    public virtual async IAsyncEnumerable<ScanEntry<T>> ScanAsync<T>(
        KeyRange range = default,
        ScanOptions? options = null,
        JsonTypeInfo<T>? typeInfo = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ScanCursor? cursor = options?.Cursor;
        do
        {
            ScanPage<ScanEntry<T>> page =
                await ScanPageAsync(range, At(options, cursor), typeInfo, cancellationToken).ConfigureAwait(false);
            foreach (ScanEntry<T> entry in page.Entries)
            {
                yield return entry;
            }

            cursor = page.Next;
        }
        while (cursor is not null);
    }

    /// <summary>Goes through keys without their values, as <c>Scan</c> goes through entries.</summary>
    /// <param name="range">Which; all by default.</param>
    /// <param name="options">Direction, size of pages, where to resume.</param>
    public virtual IEnumerable<HoldfastKey> ScanKeys(KeyRange range = default, ScanOptions? options = null)
    {
        ScanCursor? cursor = options?.Cursor;
        do
        {
            ScanPage<HoldfastKey> page = ScanKeysPage(range, At(options, cursor));
            foreach (HoldfastKey key in page.Entries)
            {
                yield return key;
            }

            cursor = page.Next;
        }
        while (cursor is not null);
    }

    /// <inheritdoc cref="ScanKeys(KeyRange, ScanOptions?)"/>
    /// <param name="range">Which; all by default.</param>
    /// <param name="options">Direction, size of pages, where to resume.</param>
    /// <param name="cancellationToken">Cancels the scan.</param>
    public virtual async IAsyncEnumerable<HoldfastKey> ScanKeysAsync(
        KeyRange range = default,
        ScanOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ScanCursor? cursor = options?.Cursor;
        do
        {
            ScanPage<HoldfastKey> page =
                await ScanKeysPageAsync(range, At(options, cursor), cancellationToken).ConfigureAwait(false);
            foreach (HoldfastKey key in page.Entries)
            {
                yield return key;
            }

            cursor = page.Next;
        }
        while (cursor is not null);
    }

    /// <summary>Reads one page of a scan; <see cref="ScanPage{T}.Next"/> is the <see cref="ScanOptions.Cursor"/> of the next.</summary>
    /// <typeparam name="T">The type that the values are read as.</typeparam>
    /// <param name="range">Which; all by default.</param>
    /// <param name="options">Direction, size of the page, where to resume.</param>
    /// <param name="typeInfo">How JSON of the type is read; null: the value format and the client's serializer.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual ScanPage<ScanEntry<T>> ScanPage<T>(
        KeyRange range = default,
        ScanOptions? options = null,
        JsonTypeInfo<T>? typeInfo = null,
        CancellationToken cancellationToken = default)
    {
        BeginScan(range, options, out Operation operation);
        return Send<ScanPage<ScanEntry<T>>, ScanReader<T>>(
            ref operation, new ScanReader<T>(Context, _prefix.Length, typeInfo), cancellationToken);
    }

    /// <inheritdoc cref="ScanPage{T}(KeyRange, ScanOptions?, JsonTypeInfo{T}?, CancellationToken)"/>
    public virtual ValueTask<ScanPage<ScanEntry<T>>> ScanPageAsync<T>(
        KeyRange range = default,
        ScanOptions? options = null,
        JsonTypeInfo<T>? typeInfo = null,
        CancellationToken cancellationToken = default)
    {
        BeginScan(range, options, out Operation operation);
        return SendAsync<ScanPage<ScanEntry<T>>, ScanReader<T>>(
            ref operation, new ScanReader<T>(Context, _prefix.Length, typeInfo), cancellationToken);
    }

    /// <summary>Reads one page of keys without their values.</summary>
    /// <param name="range">Which; all by default.</param>
    /// <param name="options">Direction, size of the page, where to resume.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual ScanPage<HoldfastKey> ScanKeysPage(
        KeyRange range = default,
        ScanOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        BeginScan(range, options, out Operation operation);
        operation.Add(RequestFlags.KeysOnly);
        return Send<ScanPage<HoldfastKey>, ScanKeysReader>(
            ref operation, new ScanKeysReader(Context, _prefix.Length), cancellationToken);
    }

    /// <inheritdoc cref="ScanKeysPage(KeyRange, ScanOptions?, CancellationToken)"/>
    public virtual ValueTask<ScanPage<HoldfastKey>> ScanKeysPageAsync(
        KeyRange range = default,
        ScanOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        BeginScan(range, options, out Operation operation);
        operation.Add(RequestFlags.KeysOnly);
        return SendAsync<ScanPage<HoldfastKey>, ScanKeysReader>(
            ref operation, new ScanKeysReader(Context, _prefix.Length), cancellationToken);
    }

    private static ScanOptions At(ScanOptions? options, ScanCursor? cursor) => new()
    {
        Descending = options?.Descending ?? false,
        PageSize = options?.PageSize ?? 1_000,
        Timeout = options?.Timeout,
        Cursor = cursor,
    };

    private void BeginScan(scoped in KeyRange range, ScanOptions? options, out Operation operation)
    {
        options ??= new ScanOptions();
        options.Validate();
        BeginRange(Op.Scan, range, options, out operation);
        operation.Request.maximum = options.PageSize;
        if (options.Descending)
        {
            operation.Add(RequestFlags.Descending);
        }

        if (options.Cursor is { } cursor)
        {
            operation.Cursor = cursor.Position;
        }
    }

    private void BeginRange(Op op, scoped in KeyRange range, RequestOptions? options, out Operation operation)
    {
        Begin(op, default, options, out operation);
        operation.Prefix = default;
        if (range.IsAll && _prefix.Length == 0)
        {
            return;
        }

        if (range.IsAll || range.IsPrefix)
        {
            byte[] prefix = KeyEncoding.BoundToArray(range.First, _prefix);
            if (prefix.Length > 0)
            {
                operation.Key = prefix;
                operation.Add(RequestFlags.Prefix);
            }

            return;
        }

        byte[] first = KeyEncoding.BoundToArray(range.First, _prefix);
        bool isOpen = range.End.IsNull || range.End == Array.Empty<byte>();
        operation.Key = first.Length > 0 ? first : default(HoldfastKey);
        operation.Payload = isOpen ? AfterPrefix(_prefix) : KeyEncoding.ToArray(range.End, _prefix);
        operation.Add(RequestFlags.Range);
    }

    /// <summary>The first key after all that have a prefix; empty when there is none.</summary>
    private static byte[] AfterPrefix(ReadOnlySpan<byte> prefix)
    {
        int length = prefix.Length;
        while (length > 0 && prefix[length - 1] == byte.MaxValue)
        {
            length--;
        }

        byte[] after = prefix[..length].ToArray();
        if (length > 0)
        {
            after[length - 1]++;
        }

        return after;
    }
}
