using System.Diagnostics;
using System.Text;

namespace Holdfast.Interop;

/// <summary>A store of an open native client: what every verb calls.</summary>
internal sealed class OpenStore
{
    private const string DefaultTenant = "default/";
    private const int NotKnown = -1;

    private readonly uint _id;
    private readonly bool _hasSpans;
    private int _class;

    internal OpenStore(NativeClient native, uint id, string fullName, HoldfastStoreClass? storeClass, bool hasEmbeddedSpans)
    {
        Native = native;
        _id = id;
        _hasSpans = native.IsRemote || hasEmbeddedSpans;
        _class = storeClass is { } known ? (int)known : NotKnown;
        Name = fullName.StartsWith(DefaultTenant, StringComparison.Ordinal) ? fullName[DefaultTenant.Length..] : fullName;
        if (!native.IsRemote)
        {
            LiveStores.Add(this);
        }
    }

    internal NativeClient Native { get; }

    /// <summary><c>name</c>, or <c>tenant/name</c> in another tenant than the default one.</summary>
    internal string Name { get; }

    internal bool HasSpans => _hasSpans;

    /// <summary>The store's class; null before a node has said it, see <see cref="ConnectAsync"/>.</summary>
    internal HoldfastStoreClass? StoreClass
    {
        get
        {
            int known = Volatile.Read(ref _class);
            return known == NotKnown ? null : (HoldfastStoreClass)known;
        }
    }

    /// <summary>Opens a store by name, which completes at once: a remote client asks no node before the first verb.</summary>
    internal static OpenStore ByName(NativeClient native, string name, string settings, bool hasEmbeddedSpans)
    {
        var operation = new Operation
        {
            Op = Op.OpenStore,
            Key = name,
            Payload = Encoding.UTF8.GetBytes(settings),
        };
        var reader = default(OpenedReader);
        Opened opened = native.Call<Opened, OpenedReader>(ref operation, ref reader, CancellationToken.None);
        return new OpenStore(native, opened.Id, opened.FullName, opened.StoreClass, hasEmbeddedSpans);
    }

    /// <summary>Waits until a node serves the store, which tells its class; 0 ms: for the client's time to connect.</summary>
    internal async ValueTask ConnectAsync(uint timeoutMs, CancellationToken cancellationToken)
    {
        Opened opened = await StartConnect(timeoutMs, cancellationToken).ConfigureAwait(false);
        if (opened.StoreClass is { } known)
        {
            Volatile.Write(ref _class, (int)known);
        }
    }

    internal TResult Call<TResult, TReader>(ref Operation operation, TReader reader, CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        if (Telemetry.IsOn)
        {
            return CallMeasured<TResult, TReader>(ref operation, reader, cancellationToken);
        }

        operation.Request.store = _id;
        return Native.Call<TResult, TReader>(ref operation, ref reader, cancellationToken);
    }

    internal ValueTask<TResult> CallAsync<TResult, TReader>(
        ref Operation operation,
        TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        Measurement measurement = Telemetry.IsOn ? Measurement.Begin(operation.Op, this) : default;
        operation.Request.store = _id;
        return Native.CallAsync<TResult, TReader>(ref operation, ref reader, in measurement, cancellationToken);
    }

    /// <summary>As the other one, for a caller who only wants to know when: it costs no further object.</summary>
    internal ValueTask CallWithoutResultAsync<TResult, TReader>(
        ref Operation operation,
        TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        Measurement measurement = Telemetry.IsOn ? Measurement.Begin(operation.Op, this) : default;
        operation.Request.store = _id;
        return Native.CallWithoutResultAsync<TResult, TReader>(ref operation, ref reader, in measurement, cancellationToken);
    }

    internal TResult CallUnmeasured<TResult, TReader>(ref Operation operation, TReader reader)
        where TReader : struct, IReplyReader<TResult>
    {
        operation.Request.store = _id;
        return Native.Call<TResult, TReader>(ref operation, ref reader, CancellationToken.None);
    }

    /// <summary>Not measured: it is no operation of the application's.</summary>
    private ValueTask<Opened> StartConnect(uint timeoutMs, CancellationToken cancellationToken)
    {
        var operation = new Operation { Op = Op.Connect };
        operation.Request.store = _id;
        operation.Request.timeout_ms = timeoutMs;
        var reader = default(OpenedReader);
        Measurement none = default;
        return Native.CallAsync<Opened, OpenedReader>(ref operation, ref reader, in none, cancellationToken);
    }

    private TResult CallMeasured<TResult, TReader>(
        ref Operation operation,
        TReader reader,
        CancellationToken cancellationToken)
        where TReader : struct, IReplyReader<TResult>
    {
        Measurement measurement = Measurement.Begin(operation.Op, this);
        Exception? failure = null;
        try
        {
            operation.Request.store = _id;
            return Native.Call<TResult, TReader>(ref operation, ref reader, cancellationToken);
        }
        catch (Exception error)
        {
            failure = error;
            throw;
        }
        finally
        {
            measurement.End(failure, operation.Journey, Stopwatch.GetTimestamp());
        }
    }

    /// <summary>What the reply to an opening says.</summary>
    private readonly struct Opened(uint id, HoldfastStoreClass? storeClass, string fullName)
    {
        internal uint Id { get; } = id;

        internal HoldfastStoreClass? StoreClass { get; } = storeClass;

        internal string FullName { get; } = fullName;
    }

    private readonly struct OpenedReader : IReplyReader<Opened>
    {
        public Opened Read(in Reply reply) => new(
            checked((uint)reply.Number), NativeClient.ClassOf(reply.Previous), Encoding.UTF8.GetString(reply.Data));
    }
}
