using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Failover.Experiment;

namespace Failover.Tests;

/// <summary>
/// The sample with real processes. Needs the program <c>holdfast</c>: <c>tests/build holdfast</c>, or
/// <c>HOLDFAST_BINARY</c>.
/// </summary>
public sealed partial class FailoverTests : IDisposable
{
    private readonly CancellationTokenSource _late = new(TimeSpan.FromMinutes(3));

    public void Dispose() => _late.Dispose();

    [Fact]
    public async Task Every_order_that_was_acknowledged_is_there_after_the_leader_was_killed_and_nothing_is_left_behind()
    {
        var folder = Directory.CreateTempSubdirectory("failover-test-");
        try
        {
            var (exitCode, output) = await RunAsync(folder.FullName, "--seconds", "6");

            Assert.True(exitCode == 0, output);
            var figures = Figure().Matches(output).ToDictionary(
                static figure => figure.Groups["name"].Value,
                static figure => int.Parse(figure.Groups["number"].Value, CultureInfo.InvariantCulture));
            Assert.InRange(figures["acknowledged"], 100, int.MaxValue);
            Assert.Equal((figures["acknowledged"], 0, 0), (figures["read back"], figures["missing"], figures["failed"]));
            Assert.Matches("(?m)^Node [abc], which leads, is killed", output);
            Assert.Matches("(?m)^longest pause +[0-9]+[.][0-9]{2} s", output);
            Assert.Empty(ProcessesIn(folder.FullName));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task An_unknown_option_is_answered_with_the_usage()
    {
        var (exitCode, output) = await RunAsync(Path.GetTempPath(), "--nodes", "5");

        Assert.Equal(2, exitCode);
        Assert.Contains("usage: ", output, StringComparison.Ordinal);
    }

    private async Task<(int ExitCode, string Output)> RunAsync(string temporaryFolder, params string[] options)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(LeaderKill).Assembly.Location, .. options])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["TMPDIR"] = temporaryFolder },
        };
        using var sample = Process.Start(start)!;
        var output = sample.StandardOutput.ReadToEndAsync(_late.Token);
        var errors = sample.StandardError.ReadToEndAsync(_late.Token);
        await sample.WaitForExitAsync(_late.Token);
        return (sample.ExitCode, await output + await errors);
    }

    /// <summary>Processes that the sample started: they have its folder for temporary files in their environment.</summary>
    private static IEnumerable<string> ProcessesIn(string temporaryFolder)
    {
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            string environment;
            try
            {
                environment = File.ReadAllText(Path.Combine(process, "environ"));
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                continue;
            }

            if (environment.Contains($"TMPDIR={temporaryFolder}", StringComparison.Ordinal))
            {
                yield return process;
            }
        }
    }

    [GeneratedRegex("^(?<name>acknowledged|read back|missing|failed) +(?<number>[0-9]+)", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Figure();
}
