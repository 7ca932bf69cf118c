using Holdfast.Interop;
using Microsoft.Extensions.Options;

namespace Holdfast.Extensions.Caching;

/// <summary>What can be refused when the application starts.</summary>
internal sealed class HoldfastCacheOptionsValidator : IValidateOptions<HoldfastCacheOptions>
{
    private const string DefaultConnection = "holdfast://embedded/" + HoldfastCacheOptions.DefaultStoreName;

    public ValidateOptionsResult Validate(string? name, HoldfastCacheOptions options)
    {
        var failures = new List<string>();
        if (options.ConnectionString is not null && string.IsNullOrWhiteSpace(options.ConnectionString))
        {
            failures.Add(
                "ConnectionString is empty: leave it out to use the connection of AddHoldfast, or write "
                + "holdfast://embedded/STORE for a store in this process, holdfast://host:7861/STORE for servers.");
        }
        else if (NativeClient.Check(options.ConnectionString ?? DefaultConnection, options.Settings()) is { } refusal)
        {
            failures.Add(refusal);
        }

        if (options.ConnectionString is not null && options.StoreName is not null)
        {
            failures.Add("StoreName and ConnectionString exclude each other: the connection string names its store.");
        }

        if (options.StoreName is "")
        {
            failures.Add($"StoreName is empty: leave it out for '{HoldfastCacheOptions.DefaultStoreName}'.");
        }

        if (options.DefaultEntryOptions?.AbsoluteExpiration is not null)
        {
            failures.Add(
                "DefaultEntryOptions.AbsoluteExpiration is one moment for all entries, and refuses every entry after it: "
                + "set AbsoluteExpirationRelativeToNow or SlidingExpiration.");
        }

        if (options.PinnedKeyPrefixes is null || options.PinnedKeyPrefixes.Any(string.IsNullOrEmpty))
        {
            failures.Add("PinnedKeyPrefixes has an empty prefix, which would pin every entry: leave it out.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
