namespace Holdfast;

/// <content>GetMany, PutMany, DeleteMany for the collections of text keys that programs have at hand.</content>
public partial class HoldfastClient
{
    /// <inheritdoc cref="GetMany{T}(IEnumerable{HoldfastKey}, CancellationToken)"/>
    public virtual IReadOnlyList<Lookup<T>> GetMany<T>(
        IEnumerable<string> keys,
        CancellationToken cancellationToken = default) => GetMany<T>(KeysOf(keys), cancellationToken);

    /// <inheritdoc cref="GetMany{T}(IEnumerable{HoldfastKey}, CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<Lookup<T>>> GetManyAsync<T>(
        IEnumerable<string> keys,
        CancellationToken cancellationToken = default) => GetManyAsync<T>(KeysOf(keys), cancellationToken);

    /// <inheritdoc cref="PutMany{T}(IEnumerable{KeyValuePair{HoldfastKey, T}}, PutOptions?, CancellationToken)"/>
    public virtual IReadOnlyList<BatchResult> PutMany<T>(
        IReadOnlyDictionary<string, T> entries,
        PutOptions? options = null,
        CancellationToken cancellationToken = default) => PutMany(EntriesOf(entries), options, cancellationToken);

    /// <inheritdoc cref="PutMany{T}(IEnumerable{KeyValuePair{HoldfastKey, T}}, PutOptions?, CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<BatchResult>> PutManyAsync<T>(
        IReadOnlyDictionary<string, T> entries,
        PutOptions? options = null,
        CancellationToken cancellationToken = default) => PutManyAsync(EntriesOf(entries), options, cancellationToken);

    /// <inheritdoc cref="DeleteMany(IEnumerable{HoldfastKey}, CancellationToken)"/>
    public virtual IReadOnlyList<BatchResult> DeleteMany(
        IEnumerable<string> keys,
        CancellationToken cancellationToken = default) => DeleteMany(KeysOf(keys), cancellationToken);

    /// <inheritdoc cref="DeleteMany(IEnumerable{HoldfastKey}, CancellationToken)"/>
    public virtual ValueTask<IReadOnlyList<BatchResult>> DeleteManyAsync(
        IEnumerable<string> keys,
        CancellationToken cancellationToken = default) => DeleteManyAsync(KeysOf(keys), cancellationToken);

    private static IEnumerable<HoldfastKey> KeysOf(IEnumerable<string> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return keys.Select(static key => (HoldfastKey)key);
    }

    private static IEnumerable<KeyValuePair<HoldfastKey, T>> EntriesOf<T>(IReadOnlyDictionary<string, T> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        return entries.Select(static entry => KeyValuePair.Create((HoldfastKey)entry.Key, entry.Value));
    }
}
