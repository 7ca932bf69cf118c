using System.Diagnostics;
using System.Text.RegularExpressions;

namespace ThreeServers.Experiment;

/// <summary>A process that was started here, says <c>listening on ADDRESS</c>, and is stopped when this is disposed.</summary>
public sealed partial class ServerProcess : IAsyncDisposable
{
    private const int LinesKept = 20;
    private static readonly TimeSpan MostTimeToStart = TimeSpan.FromMinutes(1);

    private readonly Process _process;
    private readonly Queue<string> _errors = new();
    private readonly TaskCompletionSource<string> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServerProcess(string file, IEnumerable<string> arguments)
    {
        _process = new Process
        {
            StartInfo = new ProcessStartInfo(file, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
            EnableRaisingEvents = true,
        };
        _process.OutputDataReceived += (_, line) => Look(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
    }

    /// <summary>Where it listens, in its own words.</summary>
    public string Address { get; private set; } = string.Empty;

    /// <summary>Starts it and waits until it listens.</summary>
    public static async Task<ServerProcess> StartAsync(
        string name, string file, IEnumerable<string> arguments, CancellationToken cancelled)
    {
        var server = new ServerProcess(file, arguments);
        try
        {
            server._process.Start();
            server._process.BeginOutputReadLine();
            server._process.BeginErrorReadLine();
            server.Address = await server.ListeningAsync(name, cancelled);
            return server;
        }
        catch (Exception failed)
        {
            await server.DisposeAsync();
            throw failed is System.ComponentModel.Win32Exception
                ? new ServerProcessException($"{name} cannot be started: {failed.Message}")
                : failed;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (IsRunning)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private bool IsRunning
    {
        get
        {
            try
            {
                return !_process.HasExited;
            }
            catch (InvalidOperationException)
            {
                // It never started.
                return false;
            }
        }
    }

    private async Task<string> ListeningAsync(string name, CancellationToken cancelled)
    {
        var ended = _process.WaitForExitAsync(cancelled);
        var first = await Task.WhenAny(_address.Task, ended).WaitAsync(MostTimeToStart, cancelled);
        cancelled.ThrowIfCancellationRequested();
        return first == _address.Task
            ? await _address.Task
            : throw new ServerProcessException($"{name} ended before it listened:\n{Errors()}");
    }

    private void Look(string? line)
    {
        if (line is not null && Listening().Match(line) is { Success: true } found)
        {
            _address.TrySetResult(found.Groups["address"].Value);
        }
    }

    private void Keep(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_errors)
        {
            if (_errors.Count == LinesKept)
            {
                _errors.Dequeue();
            }

            _errors.Enqueue(line);
        }
    }

    private string Errors()
    {
        lock (_errors)
        {
            return string.Join('\n', _errors);
        }
    }

    [GeneratedRegex("^listening on (?<address>[^\\s,]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Listening();
}
