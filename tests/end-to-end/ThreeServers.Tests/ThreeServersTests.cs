using System.Diagnostics;
using ThreeServers.Experiment;

namespace ThreeServers.Tests;

/// <summary>
/// The sample with real processes: three instances of the application, a node, and a proxy. Needs the program
/// <c>holdfast</c>: <c>tests/build holdfast</c>, or <c>HOLDFAST_BINARY</c>.
/// </summary>
public sealed class ThreeServersTests : IDisposable
{
    private readonly CancellationTokenSource _late = new(TimeSpan.FromMinutes(2));

    public void Dispose() => _late.Dispose();

    [Fact]
    public async Task With_a_cache_in_each_process_the_two_that_were_not_told_answer_stale()
    {
        var findings = await StaleReads.WithMemoryCacheAsync(30, _late.Token);

        Assert.Equal(["1", "2", "3"], Served(findings));
        Assert.Equal(20, findings.Stale);
        Assert.All(
            findings.Answers,
            answer => Assert.Equal(answer.Instance != findings.UpdatedBy, answer.Price != findings.NewPrice));
    }

    [Fact]
    public async Task With_holdfast_no_instance_answers_stale()
    {
        await using var node = await HoldfastNode.StartAsync(_late.Token);

        // Twice: what the first run left on the node is not in the second one's way.
        for (var run = 0; run < 2; run++)
        {
            var findings = await StaleReads.WithHoldfastAsync($"holdfast://{node.Address}/shop", 30, _late.Token);

            Assert.Equal(["1", "2", "3"], Served(findings));
            Assert.Equal(0, findings.Stale);
        }
    }

    [Fact]
    public async Task The_sample_prints_both_and_leaves_nothing_behind()
    {
        var folder = Directory.CreateTempSubdirectory("three-servers-test-");
        try
        {
            var (exitCode, output) = await RunAsync(folder.FullName, "--reads", "9");

            Assert.True(exitCode == 0, output);
            Assert.Matches(@"(?m)^IMemoryCache +instance [123] +9 +6 ", output);
            Assert.Matches(@"(?m)^Holdfast +instance [123] +9 +0 ", output);
            Assert.Empty(folder.EnumerateFileSystemInfos("three-servers-*"));
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
        var (exitCode, output) = await RunAsync(Path.GetTempPath(), "--servers", "4");

        Assert.Equal(2, exitCode);
        Assert.Contains("usage: ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_ends_at_once_is_reported_with_what_it_said()
    {
        var failed = await Assert.ThrowsAsync<ServerProcessException>(
            () => ServerProcess.StartAsync("the shop", "sh", ["-c", "echo 'no such port' >&2; exit 3"], _late.Token));

        Assert.Contains("the shop ended before it listened", failed.Message, StringComparison.Ordinal);
        Assert.Contains("no such port", failed.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Served(Findings findings) =>
        findings.Answers.Select(static answer => answer.Instance).Distinct().Order();

    private async Task<(int ExitCode, string Output)> RunAsync(string temporaryFolder, params string[] options)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Comparison).Assembly.Location, .. options])
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
}
