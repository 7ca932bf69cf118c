namespace Holdfast;

/// <summary>Copies of a store's settings; a test keeps them complete.</summary>
internal static class SettingCopies
{
    internal static HoldfastStoreOptions Of(HoldfastStoreOptions source)
    {
        var copy = new HoldfastStoreOptions();
        Overlay(copy, source);
        return copy;
    }

    /// <summary>Sets on <paramref name="target"/> what <paramref name="source"/> says.</summary>
    internal static void Overlay(HoldfastStoreOptions target, HoldfastStoreOptions source)
    {
        target.Class = source.Class ?? target.Class;
        target.MaxMemory = source.MaxMemory ?? target.MaxMemory;
        target.Eviction = source.Eviction ?? target.Eviction;
        target.DefaultTtl = source.DefaultTtl ?? target.DefaultTtl;
        target.MaxValue = source.MaxValue ?? target.MaxValue;
        target.HashTags = source.HashTags ?? target.HashTags;
    }
}
