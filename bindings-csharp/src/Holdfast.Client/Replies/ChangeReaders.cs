using Holdfast.Interop;

namespace Holdfast;

/// <summary>Whether the key existed.</summary>
internal readonly struct FoundReader : IReplyReader<bool>
{
    public bool Read(in Reply reply) => reply.Found;
}

/// <summary>Whether the change was applied.</summary>
internal readonly struct AppliedReader : IReplyReader<bool>
{
    public bool Read(in Reply reply) => reply.Applied;
}

/// <summary>The new version.</summary>
internal readonly struct VersionReader : IReplyReader<long>
{
    public long Read(in Reply reply) => reply.Version;
}

/// <summary>The new version, null when the condition did not hold.</summary>
internal readonly struct ConditionalReader : IReplyReader<long?>
{
    public long? Read(in Reply reply) => reply.Applied ? reply.Version : null;
}

/// <summary>The version of a new entry; there must have been none.</summary>
internal readonly struct CreatedReader(HoldfastKey key) : IReplyReader<long>
{
    public long Read(in Reply reply) => reply.Applied
        ? reply.Version
        : throw new HoldfastException(
            HoldfastErrorCode.AlreadyExists, $"The key \"{key.ToMessage()}\" has an entry already, of version {reply.Version}.")
        {
            CurrentVersion = reply.Version,
        };
}

/// <summary>The version of a replaced entry; it must have had the expected one.</summary>
internal readonly struct ReplacedReader(HoldfastKey key, long expected) : IReplyReader<long>
{
    public long Read(in Reply reply) => reply.Applied ? reply.Version : throw Mismatch(key, expected, reply);

    internal static HoldfastException Mismatch(in HoldfastKey key, long expected, in Reply reply) => new(
        HoldfastErrorCode.VersionMismatch,
        reply.Found
            ? $"The entry of key \"{key.ToMessage()}\" has version {reply.Version}, not {expected}."
            : $"The key \"{key.ToMessage()}\" has no entry, so none of version {expected}.")
    {
        CurrentVersion = reply.Found ? reply.Version : null,
    };
}

/// <summary>Whether an entry was deleted; one of another version is an error.</summary>
internal readonly struct DeletedReader(HoldfastKey key, long expected) : IReplyReader<bool>
{
    public bool Read(in Reply reply) =>
        reply.Applied || (reply.Found ? throw ReplacedReader.Mismatch(key, expected, reply) : false);
}

/// <summary>A counter after its change.</summary>
internal readonly struct CounterValueReader : IReplyReader<long>
{
    public long Read(in Reply reply) => reply.Number;
}

/// <summary>All that a counter's change says.</summary>
internal readonly struct CounterReader : IReplyReader<CounterResult>
{
    public CounterResult Read(in Reply reply) => new(reply.Number, reply.Previous, reply.Version);
}

/// <summary>A count.</summary>
internal readonly struct NumberReader : IReplyReader<long>
{
    public long Read(in Reply reply) => reply.Number;
}
