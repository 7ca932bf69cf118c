using System.Runtime.ExceptionServices;
using System.Text.Json.Serialization.Metadata;

namespace Holdfast;

/// <summary>What one item of a batch did. Items succeed and fail each for itself.</summary>
public sealed class BatchResult
{
    private readonly ValueContext _context;

    internal BatchResult(ValueContext context) => _context = context;

    /// <summary>The item's key.</summary>
    public HoldfastKey Key { get; internal init; }

    /// <summary>What the item was to do.</summary>
    public BatchOperation Operation { get; internal init; }

    /// <summary>Why the item failed; null when it did not. A condition that did not hold is no failure.</summary>
    public Exception? Error { get; internal init; }

    /// <summary>Whether the key existed.</summary>
    public bool Found { get; internal init; }

    /// <summary>Whether the change was applied; false for reads and where a condition did not hold.</summary>
    public bool Applied { get; internal init; }

    /// <summary>The entry's version: the new one of a change, the present one where a condition did not hold.</summary>
    public long Version { get; internal init; }

    /// <summary>A counter after its change.</summary>
    public long Number { get; internal init; }

    /// <summary>A counter before its change.</summary>
    public long PreviousNumber { get; internal init; }

    internal DateTimeOffset? ExpiresAt { get; init; }

    internal byte[]? Data { get; init; }

    /// <summary>What a <see cref="BatchOperation.Get"/> found.</summary>
    /// <typeparam name="T">The type that the value is read as.</typeparam>
    /// <param name="typeInfo">How JSON of the type is read; null: the value format and the client's serializer.</param>
    /// <exception cref="InvalidOperationException">The item was no get.</exception>
    public Lookup<T> Get<T>(JsonTypeInfo<T>? typeInfo = null)
    {
        ThrowIfFailed();
        return Data is null
            ? throw new InvalidOperationException($"The item of key \"{Key.ToMessage()}\" is a {Operation}, not a Get.")
            : !Found
                ? default
                : new Lookup<T>(ValueFormat<T>.Read(Data, Key, _context, typeInfo), Version, ExpiresAt);
    }

    /// <summary>Throws <see cref="Error"/>, if there is one.</summary>
    public void ThrowIfFailed()
    {
        if (Error is not null)
        {
            ExceptionDispatchInfo.Throw(Error);
        }
    }

    /// <summary>The result for people.</summary>
    public override string ToString() => $"{Operation} {Key}: {(Error is null ? Applied ? "applied" : Found ? "found" : "not applied" : Error.Message)}";
}
