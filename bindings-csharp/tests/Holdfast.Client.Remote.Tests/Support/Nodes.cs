using System.Diagnostics;

namespace Holdfast.Tests;

/// <summary>Clients of nodes that a test kills, suspends and restarts.</summary>
internal static class Nodes
{
    /// <summary>How much later than its time a call may end where many tests share few processors.</summary>
    internal static readonly TimeSpan Slack = TimeSpan.FromSeconds(10);

    /// <summary>A client that has not connected yet.</summary>
    internal static HoldfastClient ClientOf(ServeProcess node, Action<HoldfastClientOptions>? configure = null)
    {
        var options = new HoldfastClientOptions
        {
            ConnectionString = $"holdfast://{node.Address}/tests",
            Timeout = TimeSpan.FromSeconds(30),
            ConnectTimeout = TimeSpan.FromSeconds(30),
        };
        configure?.Invoke(options);
        return HoldfastClient.Create(options);
    }

    /// <summary>A node's address with nobody there.</summary>
    internal static ServeProcess Dead()
    {
        ServeProcess node = ServeProcess.Start();
        node.KillNow();
        return node;
    }

    /// <summary>Runs a call that is to fail by itself in its time.</summary>
    internal static async Task<TError> FailsWithinAsync<TError>(TimeSpan time, Func<Task> call)
        where TError : Exception
    {
        var waited = Stopwatch.StartNew();
        TError error = await Assert.ThrowsAnyAsync<TError>(() => Task.Run(call).WaitAsync(time + Slack));
        Assert.InRange(waited.Elapsed, TimeSpan.Zero, time + Slack);
        Assert.IsNotType<TimeoutException>(error); // it would be that of the waiting here
        return error;
    }
}
