namespace ThreeServers.Experiment;

/// <summary>A node of its own for the experiment: <c>holdfast serve</c> on any free port.</summary>
public static class HoldfastNode
{
    public static Task<ServerProcess> StartAsync(CancellationToken cancelled) => ServerProcess.StartAsync(
        "holdfast serve", Binary(), ["serve", "--listen", "127.0.0.1:0", "--http", "off"], cancelled);

    /// <summary>What is named, or else was built in this checkout last, or else is installed.</summary>
    private static string Binary()
    {
        if (Environment.GetEnvironmentVariable("HOLDFAST_BINARY") is { Length: > 0 } named)
        {
            return named;
        }

        var target = Environment.GetEnvironmentVariable("CARGO_TARGET_DIR") is { Length: > 0 } folder
            ? folder
            : Path.Combine(
                Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "holdfast", "target");
        string[] built = [Path.Combine(target, "release", "holdfast"), Path.Combine(target, "debug", "holdfast")];
        string[] installed =
        [
            .. (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
                .Split(Path.PathSeparator)
                .Select(static directory => Path.Combine(directory, "holdfast")),
        ];
        return built.Where(File.Exists).MaxBy(File.GetLastWriteTimeUtc)
            ?? installed.FirstOrDefault(File.Exists)
            ?? throw new ServerProcessException(
                $"There is no holdfast program in {target} or on the PATH. Build it with `ffi/cargo build --release -p "
                + "holdfast`, name it in HOLDFAST_BINARY, or name a node that runs with --holdfast.");
    }
}
