using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Holdfast.Interop;

/// <summary>Finds the native library and refuses one that is not this package's own.</summary>
internal static class NativeLibraryLoader
{
    private static readonly Lock Guard = new();
    private static bool s_isChecked;
    private static string? s_path;

    /// <summary>The file name of the library on this system.</summary>
    internal static string FileName =>
        OperatingSystem.IsWindows() ? "holdfast.dll" : OperatingSystem.IsMacOS() ? "libholdfast.dylib" : "libholdfast.so";

    /// <summary>Loads the library and compares its version, before the first client opens.</summary>
    internal static void Require()
    {
        if (Volatile.Read(ref s_isChecked))
        {
            return;
        }

        lock (Guard)
        {
            if (s_isChecked)
            {
                return;
            }

            if (s_path is null)
            {
                s_path = string.Empty;
                NativeLibrary.SetDllImportResolver(typeof(Interop).Assembly, Resolve);
            }

            RequireVersion(Interop.AbiVersion, ReadVersion());
            Volatile.Write(ref s_isChecked, true);
        }
    }

    /// <summary>Throws unless the library has the version that these bindings were generated for.</summary>
    internal static void RequireVersion(ulong expected, ulong? actual)
    {
        if (actual == expected)
        {
            return;
        }

        string found = actual is { } version ? $"has 0x{version:x16}" : "has no version at all";
        throw new HoldfastException(
            HoldfastErrorCode.NativeLibrary,
            $"The native library '{s_path}' is not the one of this package: Holdfast.Client expects ABI version "
            + $"0x{expected:x16}, the library {found} (RID {RuntimeInformation.RuntimeIdentifier}). Remove the library "
            + "that is loaded by mistake, or restore and publish again so that all files of Holdfast.Client are of one version.");
    }

    private static ulong? ReadVersion()
    {
        try
        {
            return Interop.hf_abi_version();
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != Interop.NativeLib)
        {
            return 0;
        }

        string runtimes = Path.Combine(AppContext.BaseDirectory, "runtimes");
        var failures = new List<string>();
        foreach (string candidate in Candidates(runtimes))
        {
            if (File.Exists(candidate) && TryLoad(candidate, failures, out nint library))
            {
                s_path = candidate;
                return library;
            }
        }

        // Where the host looks: the assets that the application's deps.json names.
        if (NativeLibrary.TryLoad(name, assembly, searchPath, out nint found))
        {
            s_path = name;
            return found;
        }

        throw new PlatformNotSupportedException(Explain(runtimes, failures));
    }

    private static IEnumerable<string> Candidates(string runtimes)
    {
        yield return Path.Combine(AppContext.BaseDirectory, FileName);
        yield return Path.Combine(runtimes, RuntimeInformation.RuntimeIdentifier, "native", FileName);
        yield return Path.Combine(runtimes, PortableIdentifier(), "native", FileName);
    }

    /// <summary>The RID of packages, where the runtime was built for one distribution.</summary>
    private static string PortableIdentifier()
    {
        string system = OperatingSystem.IsWindows() ? "win"
            : OperatingSystem.IsMacOS() ? "osx"
            : RuntimeInformation.RuntimeIdentifier.Contains("musl", StringComparison.Ordinal) ? "linux-musl"
            : "linux";
#pragma warning disable CA1308 // RIDs are lower case
        return $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
#pragma warning restore CA1308
    }

    private static bool TryLoad(string path, List<string> failures, out nint library)
    {
        try
        {
            library = NativeLibrary.Load(path);
            return true;
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
        {
            failures.Add($"{path}: {error.Message}");
            library = 0;
            return false;
        }
    }

    private static string Explain(string runtimes, List<string> failures)
    {
        IEnumerable<string> shipped = Directory.Exists(runtimes)
            ? Directory.EnumerateDirectories(runtimes).Where(HasLibrary).Select(static path => Path.GetFileName(path)!)
            : [];
        string platforms = string.Join(", ", shipped.Order(StringComparer.Ordinal));
        string tried = failures.Count == 0 ? string.Empty : $" Tried {string.Join("; ", failures)}.";
        return $"Holdfast's native library cannot be loaded on {RuntimeInformation.RuntimeIdentifier}. "
            + $"It is here for: {(platforms.Length == 0 ? "no platform" : platforms)}.{tried}";
    }

    private static bool HasLibrary(string folder)
    {
        string native = Path.Combine(folder, "native");
        return Directory.Exists(native) && Directory.EnumerateFiles(native, "*holdfast*").Any();
    }
}
