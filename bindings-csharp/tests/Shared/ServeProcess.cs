using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Holdfast.Tests;

/// <summary>
/// A real <c>holdfast serve</c>, on a port of its own. It ends with this object, and with this process however that
/// ends: a shell between the two kills the node when the pipe to its standard input closes.
/// </summary>
internal sealed partial class ServeProcess : IDisposable
{
    private const int Kill = 9;
    private const int Terminate = 15;
    private const int Continue = 18;
    private const int Stop = 19;

    private const string Script = """
        "$@" &
        node=$!
        echo "pid $node"
        cat > /dev/null
        kill -9 $node 2> /dev/null
        """;

    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(60);

    private readonly Process _shell;
    private readonly ConcurrentQueue<string> _log = new();
    private readonly string[] _arguments;

    private ServeProcess(Process shell, string[] arguments)
    {
        _shell = shell;
        _arguments = arguments;
        AppDomain.CurrentDomain.ProcessExit += OnExit;
    }

    /// <summary><c>127.0.0.1:PORT</c>, where clients connect to.</summary>
    internal string Address { get; private set; } = "";

    /// <summary>Where its HTTP is; empty unless asked for.</summary>
    internal string HttpAddress { get; private set; } = "";

    internal int Port => int.Parse(Address.AsSpan(Address.LastIndexOf(':') + 1), System.Globalization.CultureInfo.InvariantCulture);

    internal int Id { get; private set; }

    /// <summary>What it wrote to standard error.</summary>
    internal string Log => string.Join('\n', _log);

    /// <summary>The binary, as <c>tests/build holdfast</c> leaves it, or what <c>HOLDFAST_BINARY</c> names.</summary>
    private static string Binary
    {
        get
        {
            if (Environment.GetEnvironmentVariable("HOLDFAST_BINARY") is { Length: > 0 } given)
            {
                return given;
            }

            string target = Environment.GetEnvironmentVariable("CARGO_TARGET_DIR") is { Length: > 0 } folder
                ? folder
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "holdfast", "target");
            string binary = Path.Combine(target, "debug", "holdfast");
            return File.Exists(binary)
                ? binary
                : throw new FileNotFoundException($"There is no {binary}: build it with `tests/build holdfast`, or name another in HOLDFAST_BINARY.");
        }
    }

    /// <summary>Starts a node with a clock that the test moves and returns when it serves.</summary>
    internal static ServeProcess Start(params string[] arguments) => StartAt("127.0.0.1:0", ["--clock", "manual", .. arguments]);

    /// <summary>Starts a node whose time is the system's.</summary>
    internal static ServeProcess StartWithSystemClock(params string[] arguments) => StartAt("127.0.0.1:0", arguments);

    /// <summary>Starts a node where clients expect it.</summary>
    internal static ServeProcess StartAt(string address, params string[] arguments)
    {
        var start = new ProcessStartInfo(
            "/bin/sh", ["-c", Script, "sh", Binary, "serve", "--listen", address, .. HttpOf(arguments), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string name in start.Environment.Keys.Where(static name => name.StartsWith("HOLDFAST_", StringComparison.Ordinal)).ToArray())
        {
            start.Environment.Remove(name);
        }

        var node = new ServeProcess(Process.Start(start)!, arguments);
        try
        {
            node.AwaitServing();
            return node;
        }
        catch
        {
            node.Dispose();
            throw;
        }
    }

    /// <summary>The same node again, where this one was: it has lost what it held.</summary>
    internal ServeProcess Again()
    {
        KillNow();
        return StartAt(Address, _arguments);
    }

    /// <summary>SIGKILL; returns when the process is gone.</summary>
    internal void KillNow()
    {
        Send(Kill);
        AwaitGone();
    }

    /// <summary>SIGTERM; returns when the process is gone.</summary>
    internal void End()
    {
        Send(Terminate);
        AwaitGone();
    }

    /// <summary>SIGSTOP: it keeps its connections and answers nothing. Returns when every thread stands still.</summary>
    internal void Suspend()
    {
        Send(Stop);
        Assert.True(
            SpinWait.SpinUntil(
                () => Directory.EnumerateDirectories($"/proc/{Id}/task").All(static thread => StateIn($"{thread}/stat") == 'T'),
                TimeSpan.FromSeconds(30)),
            "The node did not stop.");
    }

    /// <summary>SIGCONT.</summary>
    internal void Resume() => Send(Continue);

    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        if (Id != 0)
        {
            Send(Kill);
        }

        _shell.Dispose(); // closes the pipe
    }

    private static string[] HttpOf(string[] arguments) => arguments.Contains("--http") ? [] : ["--http", "off"];

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int process, int signal);

    private static char StateIn(string file)
    {
        string line = File.ReadAllText(file);
        return line[line.LastIndexOf(')') + 2];
    }

    private void OnExit(object? sender, EventArgs arguments) => Dispose();

    private void Send(int signal) => _ = SendSignal(Id, signal);

    /// <summary>
    /// Whether the process has ended, with all its threads: the last one closes its sockets. The shell does not reap it, so
    /// its number is not another's meanwhile.
    /// </summary>
    private bool IsGone()
    {
        try
        {
            return StateIn($"/proc/{Id}/stat") is 'Z' or 'X' && Directory.EnumerateDirectories($"/proc/{Id}/task").Count() <= 1;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private void AwaitGone() => Assert.True(SpinWait.SpinUntil(IsGone, TimeSpan.FromSeconds(30)), "The node did not end.");

    private void AwaitServing()
    {
        var serving = new TaskCompletionSource();
        _shell.OutputDataReceived += (_, line) => Take(line.Data, serving);
        _shell.ErrorDataReceived += (_, line) => _log.Enqueue(line.Data ?? "");
        _shell.BeginOutputReadLine();
        _shell.BeginErrorReadLine();
        var waited = Stopwatch.StartNew();
        while (!serving.Task.Wait(TimeSpan.FromMilliseconds(50)))
        {
            if ((Id != 0 && IsGone()) || waited.Elapsed > StartTime)
            {
                throw new InvalidOperationException($"`holdfast serve {string.Join(' ', _arguments)}` does not serve after {waited.Elapsed}:\n{Log}");
            }
        }
    }

    /// <summary><c>pid 17</c>, and <c>listening on 127.0.0.1:43211, http on 127.0.0.1:43212</c>, in either order.</summary>
    private void Take(string? line, TaskCompletionSource serving)
    {
        switch (line?.Split(' '))
        {
            case ["pid", var id]:
                Id = int.Parse(id, System.Globalization.CultureInfo.InvariantCulture);
                break;
            case ["listening", "on", var address, .. var rest]:
                Address = address.TrimEnd(',');
                HttpAddress = rest is ["http", "on", var http] ? http : "";
                break;
            default:
                break;
        }

        if (Id != 0 && Address.Length > 0)
        {
            serving.TrySetResult();
        }
    }
}
