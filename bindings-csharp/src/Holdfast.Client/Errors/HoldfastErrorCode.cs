namespace Holdfast;

/// <summary>
/// Why an operation failed. The numbers and names are those of Holdfast's one error table: a number is never
/// reused.
/// </summary>
public enum HoldfastErrorCode
{
    /// <summary>No error.</summary>
    None = 0,

    /// <summary>An argument is outside what the operation accepts.</summary>
    InvalidArgument = 1,

    /// <summary>The key is empty.</summary>
    InvalidKey = 2,

    /// <summary>The key is longer than a key may be.</summary>
    KeyTooLarge = 3,

    /// <summary>The value is larger than the store accepts.</summary>
    ValueTooLarge = 4,

    /// <summary>The batch is larger than one request may be.</summary>
    BatchTooLarge = 5,

    /// <summary>The time to live is not between one millisecond and 100 years.</summary>
    InvalidTtl = 6,

    /// <summary>A part of the connection string is malformed.</summary>
    InvalidConnectionString = 7,

    /// <summary>A setting is unknown or has a value that it does not accept.</summary>
    InvalidSetting = 8,

    /// <summary>This version or topology cannot do what was asked.</summary>
    Unsupported = 9,

    /// <summary>The entry's version is not the expected one.</summary>
    VersionMismatch = 20,

    /// <summary>The key has an entry already.</summary>
    AlreadyExists = 21,

    /// <summary>The key has no entry.</summary>
    NotFound = 22,

    /// <summary>The value is not the decimal text of a 64-bit integer.</summary>
    NotANumber = 23,

    /// <summary>The counter would leave its bounds or 64 bits.</summary>
    CounterOutOfBounds = 24,

    /// <summary>The store does not exist and may not be made on first use.</summary>
    StoreNotFound = 25,

    /// <summary>The store exists with settings that contradict the given ones.</summary>
    StoreConflict = 26,

    /// <summary>The node runs with settings that contradict the given ones.</summary>
    NodeConflict = 27,

    /// <summary>The store's memory budget is used up and the store does not evict.</summary>
    StoreFull = 28,

    /// <summary>The store is being made and cannot be used yet.</summary>
    StoreNotReady = 29,

    /// <summary>The node's clock is not a manual one and cannot be advanced.</summary>
    ClockNotManual = 30,

    /// <summary>The position to resume a scan from is not one of this scan.</summary>
    InvalidCursor = 31,

    /// <summary>A bounded queue or table is full.</summary>
    ResourceExhausted = 32,

    /// <summary>The key's slot is owned by another group.</summary>
    WrongSlot = 33,

    /// <summary>The session is unknown or has expired.</summary>
    SessionExpired = 34,

    /// <summary>The history from the asked revision on is gone.</summary>
    Compacted = 35,

    /// <summary>The keys of one transaction belong to different groups.</summary>
    CrossGroup = 36,

    /// <summary>The cluster has no such node.</summary>
    NodeNotFound = 37,

    /// <summary>The cluster has no such group, or the node has no vote in it.</summary>
    GroupNotFound = 38,

    /// <summary>The node is up, or the only one: it is not removed unless that is insisted on.</summary>
    NodeInUse = 39,

    /// <summary>Nobody could serve the request.</summary>
    Unavailable = 50,

    /// <summary>The request's time ran out.</summary>
    Timeout = 51,

    /// <summary>The caller cancelled the request.</summary>
    Cancelled = 52,

    /// <summary>The client is closed.</summary>
    Closed = 53,

    /// <summary>Holdfast has a defect: the group or client that met it is out of service.</summary>
    Internal = 54,

    /// <summary>The server does not accept the client's credential.</summary>
    Unauthenticated = 55,

    /// <summary>The data directory cannot be read or written: stores that are kept there take no changes.</summary>
    StorageFailed = 56,

    /// <summary>The native library is missing or is not the one of this package.</summary>
    NativeLibrary = 70,

    /// <summary>No serializer is known for the value's type.</summary>
    SerializerNotFound = 71,

    /// <summary>The serializer could not write or read the value.</summary>
    Serialization = 72,
}
