using System.Text;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>Reads many gets, in the order of their keys. One that failed fails all: a failure is never a miss.</summary>
internal readonly struct GetManyReader<T>(ValueContext context, HoldfastKey[] keys, JsonTypeInfo<T>? typeInfo)
    : IReplyReader<IReadOnlyList<Lookup<T>>>
{
    public IReadOnlyList<Lookup<T>> Read(in Reply reply)
    {
        ReadOnlySpan<HfItem.Unmanaged> items = reply.Items;
        var lookups = new Lookup<T>[items.Length];
        for (int index = 0; index < items.Length; index++)
        {
            ref readonly HfItem.Unmanaged item = ref items[index];
            if ((Status)item.status != Status.Ok)
            {
                throw BatchReader.ErrorOf(item, reply.ValueOf(item))!;
            }

            lookups[index] = context.LookupOf(item, reply.ValueOf(item), keys[index], typeInfo);
        }

        return lookups;
    }
}

/// <summary>Reads the results of mixed operations, in their order.</summary>
internal readonly struct BatchReader(ValueContext context, (HoldfastKey Key, BatchOperation Operation)[] asked)
    : IReplyReader<IReadOnlyList<BatchResult>>
{
    public IReadOnlyList<BatchResult> Read(in Reply reply)
    {
        ReadOnlySpan<HfItem.Unmanaged> items = reply.Items;
        var results = new BatchResult[items.Length];
        for (int index = 0; index < items.Length; index++)
        {
            ref readonly HfItem.Unmanaged item = ref items[index];
            ReadOnlySpan<byte> value = reply.ValueOf(item);
            bool hasLapsed = asked[index].Operation == BatchOperation.Get && context.HasLapsed(item.absolute_unix_ms);
            bool hasValue = asked[index].Operation == BatchOperation.Get && (Status)item.status == Status.Ok;
            results[index] = new BatchResult(context)
            {
                Key = asked[index].Key,
                Operation = asked[index].Operation,
                Error = ErrorOf(item, value),
                Found = ((ReplyFlags)item.flags & ReplyFlags.Found) != 0 && !hasLapsed,
                Applied = ((ReplyFlags)item.flags & ReplyFlags.Applied) != 0,
                Version = item.version,
                Number = item.number,
                PreviousNumber = item.previous,
                ExpiresAt = hasValue ? context.ExpiresAt(item.ttl_ms) : null,
                Data = hasValue ? value.ToArray() : null,
            };
        }

        return results;
    }

    internal static Exception? ErrorOf(in HfItem.Unmanaged item, ReadOnlySpan<byte> message) => (Status)item.status switch
    {
        Status.Ok => null,
        Status.Error => NativeError.Of(
            (HoldfastErrorCode)item.code, Encoding.UTF8.GetString(message), (ReplyFlags)item.flags, CancellationToken.None),
        Status.Closed => NativeError.Disposed(),
        _ => new HoldfastException(HoldfastErrorCode.Internal, Encoding.UTF8.GetString(message), HoldfastOutcome.Unknown),
    };
}
