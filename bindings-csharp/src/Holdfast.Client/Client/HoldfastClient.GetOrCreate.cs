using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <content>GetOrCreate.</content>
public partial class HoldfastClient
{
    /// <summary>
    /// Reads a value, or makes and puts it when there is none. Within the process a value is made once at a time:
    /// callers that come meanwhile wait for the same one. A failure of the factory reaches all who wait and is not
    /// remembered. The factory's token is cancelled only when everybody who waits has given up. A null from the
    /// factory is given to all and not put. An entry that somebody else puts meanwhile wins and is given instead.
    /// The factory must not ask for the same key.
    /// </summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="factory">Makes the value.</param>
    /// <param name="options">
    /// When the entry expires; null: never. <see cref="RequestOptions.Timeout"/> holds for each reading and writing of
    /// the entry, not for the factory.
    /// </param>
    /// <param name="typeInfo">How JSON of the type is read and written; null: the value format and the client's serializer.</param>
    /// <param name="cancellationToken">Ends this caller's waiting.</param>
    public virtual ValueTask<T> GetOrCreateAsync<T>(
        HoldfastKey key,
        Func<CancellationToken, ValueTask<T>> factory,
        PutOptions? options = null,
        JsonTypeInfo<T>? typeInfo = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return GetOrCreateAsync(
            key, factory, static (make, token) => make(token), options, typeInfo, cancellationToken);
    }

    /// <inheritdoc cref="GetOrCreateAsync{T}(HoldfastKey, Func{CancellationToken, ValueTask{T}}, PutOptions?, JsonTypeInfo{T}?, CancellationToken)"/>
    /// <typeparam name="TState">The type of what the factory is given.</typeparam>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="state">Given to the factory, so that it need not capture it.</param>
    /// <param name="factory">Makes the value.</param>
    /// <param name="options">
    /// When the entry expires; null: never. <see cref="RequestOptions.Timeout"/> holds for each reading and writing of
    /// the entry, not for the factory.
    /// </param>
    /// <param name="typeInfo">How JSON of the type is read and written; null: the value format and the client's serializer.</param>
    /// <param name="cancellationToken">Ends this caller's waiting.</param>
    public virtual ValueTask<T> GetOrCreateAsync<TState, T>(
        HoldfastKey key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> factory,
        PutOptions? options = null,
        JsonTypeInfo<T>? typeInfo = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        options?.Resolve(TimeProvider); // a mistake in the options is found before the factory works for nothing
        ValueTask<Lookup<T>> first = ReadAsync<Lookup<T>, LookupReader<T>>(
            key, options, new LookupReader<T>(Context, key, typeInfo), cancellationToken);
        if (!first.IsCompletedSuccessfully)
        {
            return AwaitOrCreateAsync(first, key, state, factory, options, typeInfo, cancellationToken);
        }

        Lookup<T> hit = first.Result;
        return hit.Found
            ? new ValueTask<T>(hit.Value)
            : CreateAsync(key, state, factory, options, typeInfo, cancellationToken);
    }

    internal FlightKey FlightKeyOf<T>(in HoldfastKey key)
    {
        OpenStore opened = Opened;
        return new FlightKey(opened.Native.Target, opened.Name, KeyEncoding.ToArray(key, _prefix), typeof(T));
    }

    private async ValueTask<T> AwaitOrCreateAsync<TState, T>(
        ValueTask<Lookup<T>> first,
        HoldfastKey key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> factory,
        PutOptions? options,
        JsonTypeInfo<T>? typeInfo,
        CancellationToken cancellationToken)
    {
        Lookup<T> found = await first.ConfigureAwait(false);
        return found.Found
            ? found.Value
            : await CreateAsync(key, state, factory, options, typeInfo, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<T> CreateAsync<TState, T>(
        HoldfastKey key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> factory,
        PutOptions? options,
        JsonTypeInfo<T>? typeInfo,
        CancellationToken cancellationToken)
    {
        while (true)
        {
            Flight<T> flight = Flight<T>.Join(
                FlightKeyOf<T>(key), _connection!, token => MakeAsync(key, state, factory, options, typeInfo, token));
            try
            {
                return await flight.WaitAsync(_connection!, cancellationToken).ConfigureAwait(false);
            }
            catch (ObjectDisposedException) when (flight.Owner != _connection && !_connection!.IsDisposed)
            {
                // The value was being made by another client of this process, which was disposed over it.
            }
        }
    }

    private async Task<T> MakeAsync<TState, T>(
        HoldfastKey key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> factory,
        PutOptions? options,
        JsonTypeInfo<T>? typeInfo,
        CancellationToken cancellationToken)
    {
        // Somebody may have made it between this caller's miss and the start of this flight.
        Lookup<T> before = await LookUpAsync(key, options, typeInfo, cancellationToken).ConfigureAwait(false);
        if (before.Found)
        {
            return before.Value;
        }

        T value = await factory(state, cancellationToken).ConfigureAwait(false);
        if (value is null)
        {
            return value;
        }

        long? version = await WriteAsync<T, long?, ConditionalReader>(
            key, value, RequestFlags.IfAbsent, 0, options, typeInfo, default, CancellationToken.None).ConfigureAwait(false);
        if (version is not null)
        {
            return value;
        }

        Lookup<T> winner = await LookUpAsync(key, options, typeInfo, CancellationToken.None).ConfigureAwait(false);
        return winner.Found ? winner.Value : value;
    }

    private ValueTask<Lookup<T>> LookUpAsync<T>(
        in HoldfastKey key,
        RequestOptions? options,
        JsonTypeInfo<T>? typeInfo,
        CancellationToken cancellationToken) =>
        ReadAsync<Lookup<T>, LookupReader<T>>(key, options, new LookupReader<T>(Context, key, typeInfo), cancellationToken);
}
