using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Failover.Experiment;

/// <summary>One <c>holdfast serve</c>, which is killed when this is disposed.</summary>
public sealed partial class NodeProcess : IAsyncDisposable
{
    private const int LinesKept = 20;
    private static readonly TimeSpan MostTimeToStart = TimeSpan.FromMinutes(1);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _errors = new();
    private readonly TaskCompletionSource<string> _http = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _list;

    private NodeProcess(string name, string address, string list)
    {
        (Name, Address, _list) = (name, address, list);
        _process = new Process
        {
            StartInfo = new ProcessStartInfo(
                Binary(),
                ["serve", "--node", name, "--listen", address, "--http", "127.0.0.1:0", "--join", list, "--log-level", "warn"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        _process.OutputDataReceived += (_, line) => Look(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
    }

    /// <summary>What it is called.</summary>
    public string Name { get; }

    /// <summary><c>127.0.0.1:PORT</c>, where clients and the other nodes reach it.</summary>
    public string Address { get; }

    /// <summary>Where it says whether it is ready.</summary>
    public Uri Readiness { get; private set; } = new("http://127.0.0.1");

    /// <summary>What it said of late.</summary>
    public string Errors => string.Join('\n', _errors);

    /// <summary>Starts it and waits until it listens.</summary>
    public static async Task<NodeProcess> StartAsync(string name, string address, string list, CancellationToken cancelled)
    {
        var node = new NodeProcess(name, address, list);
        try
        {
            node._process.Start();
            node._process.BeginOutputReadLine();
            node._process.BeginErrorReadLine();
            var ended = node._process.WaitForExitAsync(cancelled);
            if (await Task.WhenAny(node._http.Task, ended).WaitAsync(MostTimeToStart, cancelled) == ended)
            {
                cancelled.ThrowIfCancellationRequested();
                throw new NodeProcessException($"node {name} ended before it listened:\n{node.Errors}");
            }

            node.Readiness = new Uri($"http://{await node._http.Task}/readyz");
            return node;
        }
        catch (Exception failed)
        {
            await node.DisposeAsync();
            throw failed is System.ComponentModel.Win32Exception
                ? new NodeProcessException($"node {name} cannot be started: {failed.Message}")
                : failed;
        }
    }

    /// <summary>SIGKILL: it has no chance to say goodbye. Returns when it is gone.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Its next process: the same name and address, and nothing of what it held.</summary>
    public async Task<NodeProcess> AgainAsync(CancellationToken cancelled)
    {
        await DisposeAsync();
        return await StartAsync(Name, Address, _list, cancelled);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!_process.HasExited)
            {
                await KillAsync();
            }
        }
        catch (InvalidOperationException)
        {
            // It never started, or is disposed.
        }

        _process.Dispose();
    }

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
        var installed = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
            .Split(Path.PathSeparator)
            .Select(static directory => Path.Combine(directory, "holdfast"));
        return built.Where(File.Exists).MaxBy(File.GetLastWriteTimeUtc)
            ?? installed.FirstOrDefault(File.Exists)
            ?? throw new NodeProcessException(
                $"There is no holdfast program in {target} or on the PATH. Build it with `ffi/cargo build --release -p "
                + "holdfast`, or name it in HOLDFAST_BINARY.");
    }

    /// <summary><c>listening on 127.0.0.1:7861, http on 127.0.0.1:7862</c></summary>
    private void Look(string? line)
    {
        if (line is not null && Listening().Match(line) is { Success: true } found)
        {
            _http.TrySetResult(found.Groups["http"].Value);
        }
    }

    private void Keep(string? line)
    {
        if (line is null)
        {
            return;
        }

        _errors.Enqueue(line);
        while (_errors.Count > LinesKept)
        {
            _errors.TryDequeue(out _);
        }
    }

    [GeneratedRegex("^listening on [^\\s,]+, http on (?<http>\\S+)", RegexOptions.CultureInvariant)]
    private static partial Regex Listening();
}
