using Holdfast.Interop;

namespace Holdfast.Tests.Boundary;

[Collection(Alone.Name)]
public class ProcessTests
{
    [Fact]
    public async Task a_process_exits_with_a_thousand_requests_in_flight()
    {
        (int exitCode, string output) = await ChildProcess.RunAsync(AppContext.BaseDirectory, "exit-with-requests-in-flight");
        Assert.Equal("leaving", output.Trim());
        Assert.Equal(0, exitCode);
    }

    [Fact]
    public async Task a_library_of_another_version_is_refused_with_both_versions_the_path_and_the_remedy()
    {
        using Copy copy = new();
        copy.ChangeVersion();
        (int exitCode, string output) = await ChildProcess.RunAsync(copy.Folder, "connect");
        Assert.Equal(1, exitCode);
        Assert.StartsWith("NativeLibrary: ", output, StringComparison.Ordinal);
        Assert.Contains($"0x{Holdfast.Interop.Interop.AbiVersion:x16}", output, StringComparison.Ordinal);
        Assert.Contains($"0x{Holdfast.Interop.Interop.AbiVersion ^ 1:x16}", output, StringComparison.Ordinal);
        Assert.Contains(copy.Library, output, StringComparison.Ordinal);
        Assert.Contains("restore and publish again", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_missing_library_is_a_platform_that_is_not_supported_and_names_this_rid_and_the_shipped_ones()
    {
        using Copy copy = new();
        string other = Path.Combine(copy.Folder, "runtimes", "other-cpu", "native");
        Directory.CreateDirectory(other);
        File.Move(copy.Library, Path.Combine(other, NativeLibraryLoader.FileName));
        (int exitCode, string output) = await ChildProcess.RunAsync(copy.Folder, "connect");
        Assert.Equal(2, exitCode);
        Assert.StartsWith("PlatformNotSupportedException", output, StringComparison.Ordinal);
        Assert.Contains(System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier, output, StringComparison.Ordinal);
        Assert.Contains("other-cpu", output, StringComparison.Ordinal);
    }

    [Fact]
    public void a_library_without_any_version_is_refused()
    {
        HoldfastException error = Assert.Throws<HoldfastException>(() => NativeLibraryLoader.RequireVersion(1, null));
        Assert.Equal(HoldfastErrorCode.NativeLibrary, error.Code);
    }

    /// <summary>A copy of this test's folder, whose native library may be spoilt.</summary>
    private sealed class Copy : IDisposable
    {
        internal Copy()
        {
            Folder = Directory.CreateTempSubdirectory("holdfast-tests-").FullName;
            foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory))
            {
                File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)));
            }

            string library = Directory.EnumerateFiles(
                AppContext.BaseDirectory, NativeLibraryLoader.FileName, SearchOption.AllDirectories).First();
            Library = Path.Combine(Folder, Path.GetRelativePath(AppContext.BaseDirectory, library));
            Directory.CreateDirectory(Path.GetDirectoryName(Library)!);
            File.Copy(library, Library, overwrite: true);
        }

        internal string Folder { get; }

        internal string Library { get; }

        public void Dispose() => Directory.Delete(Folder, recursive: true);

        /// <summary>Flips the lowest bit of the version that the library's code answers with.</summary>
        internal void ChangeVersion()
        {
            byte[] bytes = File.ReadAllBytes(Library);
            Span<byte> version = BitConverter.GetBytes(Holdfast.Interop.Interop.AbiVersion);
            int found = 0;
            for (int at = bytes.AsSpan().IndexOf(version); at >= 0; found++)
            {
                bytes[at] ^= 1;
                int next = bytes.AsSpan(at + 1).IndexOf(version);
                at = next < 0 ? -1 : at + 1 + next;
            }

            Assert.True(found > 0, "the library's code does not hold its version as one constant on this processor");
            File.WriteAllBytes(Library, bytes);
        }
    }
}
