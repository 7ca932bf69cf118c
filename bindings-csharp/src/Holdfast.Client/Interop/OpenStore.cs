namespace Holdfast.Interop;

/// <summary>A store of an open native client: what every verb calls.</summary>
internal sealed class OpenStore
{
    private readonly uint _id;

    private const string DefaultTenant = "default/";

    internal OpenStore(NativeClient native, uint id, string fullName, HoldfastStoreClass storeClass, bool hasSpans)
    {
        Native = native;
        _id = id;
        Name = fullName.StartsWith(DefaultTenant, StringComparison.Ordinal) ? fullName[DefaultTenant.Length..] : fullName;
        StoreClass = storeClass;
        HasSpans = hasSpans;
        LiveStores.Add(this);
    }

    internal NativeClient Native { get; }

    /// <summary><c>name</c>, or <c>tenant/name</c> in another tenant than the default one.</summary>
    internal string Name { get; }

    internal HoldfastStoreClass StoreClass { get; }

    internal bool HasSpans { get; }

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

    internal TResult CallUnmeasured<TResult, TReader>(ref Operation operation, TReader reader)
        where TReader : struct, IReplyReader<TResult>
    {
        operation.Request.store = _id;
        return Native.Call<TResult, TReader>(ref operation, ref reader, CancellationToken.None);
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
            measurement.End(failure);
        }
    }
}
