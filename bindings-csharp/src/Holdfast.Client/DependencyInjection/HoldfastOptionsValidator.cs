using Holdfast.Interop;
using Microsoft.Extensions.Options;

namespace Holdfast.DependencyInjection;

/// <summary>What can be refused when the application starts. Connection strings and sizes are checked by native code.</summary>
internal sealed class HoldfastOptionsValidator : IValidateOptions<HoldfastOptions>
{
    public ValidateOptionsResult Validate(string? name, HoldfastOptions options)
    {
        var failures = new List<string>();
        if (string.IsNullOrWhiteSpace(options.ConnectionString))
        {
            failures.Add(
                "AddHoldfast needs a ConnectionString: holdfast://embedded/STORE for a store in this process, "
                + "holdfast://host:7861/STORE for servers.");
        }
        else if (NativeClient.Check(options.ConnectionString, options.Settings()) is { } refusal)
        {
            failures.Add(refusal);
        }

        foreach (var (store, settings) in options.Stores)
        {
            if (string.IsNullOrEmpty(store) || settings is null)
            {
                failures.Add($"Stores has an entry '{store}' without {(settings is null ? "settings" : "a name")}.");
            }
            else if (NativeClient.Check($"holdfast://embedded/{Uri.EscapeDataString(store)}", settings.Settings()) is { } wrong)
            {
                failures.Add($"Stores:{store}: {wrong}");
            }
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
