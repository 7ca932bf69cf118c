namespace Holdfast;

/// <summary>What an item of a batch does.</summary>
public enum BatchOperation
{
    /// <summary>Reads an entry.</summary>
    Get,

    /// <summary>Asks whether a key exists.</summary>
    Exists,

    /// <summary>Writes a value.</summary>
    Put,

    /// <summary>Writes a value if the key does not exist.</summary>
    Create,

    /// <summary>Writes a value if the entry has a version.</summary>
    Replace,

    /// <summary>Deletes an entry.</summary>
    Delete,

    /// <summary>Slides an entry's deadline as a read does.</summary>
    Touch,

    /// <summary>Replaces an entry's expiry settings.</summary>
    Expire,

    /// <summary>Removes an entry's expiry settings.</summary>
    Persist,

    /// <summary>Adds to a counter.</summary>
    Increment,
}
