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
    public long Read(in Reply reply) => reply.Applied ? reply.Version : throw Refused(reply);

    private HoldfastException Refused(in Reply reply) => reply.Found
        ? VersionConflict.Of(key, expected, reply, "TryReplace")
        : new HoldfastException(
            HoldfastErrorCode.VersionMismatch,
            $"The key \"{key.ToMessage()}\" has no entry: Replace needs one; use Put or Create.");
}

/// <summary>Whether an entry was deleted; one of another version is an error.</summary>
internal readonly struct DeletedReader(HoldfastKey key, long expected) : IReplyReader<bool>
{
    public bool Read(in Reply reply) =>
        reply.Applied || (reply.Found ? throw VersionConflict.Of(key, expected, reply, "TryDelete") : false);
}

/// <summary>The error of an entry that has another version than the expected one, with what to do about it.</summary>
internal static class VersionConflict
{
    internal static HoldfastException Of(in HoldfastKey key, long expected, in Reply reply, string verb) => new(
        HoldfastErrorCode.VersionMismatch,
        $"The entry of key \"{key.ToMessage()}\" has version {reply.Version}, not {expected}. Read it again, or use {verb}.")
    {
        CurrentVersion = reply.Version,
    };
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
