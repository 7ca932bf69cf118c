using System.Text;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>
/// Settings of a store. What is null is not given: then what the connection string says holds, or the default of
/// the store's class. Opening a store that exists with other explicit settings is
/// <see cref="HoldfastErrorCode.StoreConflict"/>.
/// </summary>
public class HoldfastStoreOptions
{
    /// <summary><c>class</c>: what the store is for; <see cref="HoldfastStoreClass.Coordination"/> unless said otherwise.</summary>
    public HoldfastStoreClass? Class { get; set; }

    /// <summary><c>max-memory</c>: the budget for keys, values and overhead, as text such as <c>64MiB</c>.</summary>
    public string? MaxMemory { get; set; }

    /// <summary><c>eviction</c>: what happens when the budget is used up.</summary>
    public HoldfastEviction? Eviction { get; set; }

    /// <summary>
    /// <c>default-ttl</c>: the time to live of entries that are put without any expiry;
    /// <see cref="Timeout.InfiniteTimeSpan"/> is <c>none</c>, they stay.
    /// </summary>
    public TimeSpan? DefaultTtl { get; set; }

    /// <summary><c>max-value</c>: the largest value, as text such as <c>1MiB</c>.</summary>
    public string? MaxValue { get; set; }

    /// <summary><c>hash-tags</c>: whether keys with the same <c>{tag}</c> lie together.</summary>
    public bool? HashTags { get; set; }

    internal virtual void WriteSettings(StringBuilder lines) => WriteStoreSettings(lines);

    internal void WriteStoreSettings(StringBuilder lines)
    {
        SettingLines.Add(lines, "class", Class);
        SettingLines.Add(lines, "max-memory", MaxMemory);
        SettingLines.Add(lines, "eviction", Eviction switch
        {
            null => null,
            HoldfastEviction.S3Fifo => "s3-fifo",
            _ => "none",
        });
        if (DefaultTtl == Timeout.InfiniteTimeSpan)
        {
            SettingLines.Add(lines, "default-ttl", "none");
        }
        else
        {
            SettingLines.Add(lines, "default-ttl", DefaultTtl);
        }

        SettingLines.Add(lines, "max-value", MaxValue);
        SettingLines.Add(lines, "hash-tags", HashTags);
    }

    internal string Settings()
    {
        var lines = new StringBuilder();
        WriteSettings(lines);
        return lines.ToString();
    }

    private protected void CopyTo(HoldfastStoreOptions copy)
    {
        copy.Class = Class;
        copy.MaxMemory = MaxMemory;
        copy.Eviction = Eviction;
        copy.DefaultTtl = DefaultTtl;
        copy.MaxValue = MaxValue;
        copy.HashTags = HashTags;
    }
}
