using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Holdfast.Tests.Faults;

[Collection(Alone.Name)]
public class LeavingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public Task a_process_exits_with_a_thousand_calls_in_flight_to_a_node_that_answers_nothing() =>
        LeavesASuspendedNodeAsync("exit-with-calls-in-flight", "leaving");

    [Fact]
    public Task a_call_from_a_handler_of_the_exit_that_comes_after_the_clients_own_ends_at_once() =>
        LeavesASuspendedNodeAsync("call-while-exiting", "closed", "closed", "closed", "left");

    [Fact]
    public async Task a_client_that_nobody_holds_is_collected_though_its_connection_is_open_and_its_events_refer_to_it()
    {
        using ServeProcess node = ServeProcess.Start();
        WeakReference client = UseAndForget(node);
        await Eventually.IsTrueAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return !client.IsAlive;
            },
            "the client is collected");
    }

    /// <summary>Runs a process until it has connected, suspends its node, and expects it to say these lines and to exit well.</summary>
    private static async Task LeavesASuspendedNodeAsync(string scenario, params string[] lastWords)
    {
        using ServeProcess node = ServeProcess.Start();
        using Process child = RemoteChildProcess.Start(scenario, TestNode.Of(node));
        try
        {
            Assert.Equal("connected", await child.StandardOutput.ReadLineAsync().WaitAsync(Patience));
            node.Suspend();
            await child.StandardInput.WriteLineAsync();
            string output = await child.StandardOutput.ReadToEndAsync().WaitAsync(Patience);
            Assert.Equal(lastWords, output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            await child.WaitForExitAsync().WaitAsync(Patience);
            Assert.Equal(0, child.ExitCode);
        }
        finally
        {
            child.Kill();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference UseAndForget(ServeProcess node)
    {
        HoldfastClient client = Nodes.ClientOf(node);
        client.ConnectionStateChanged += (_, _) => GC.KeepAlive(client);
        client.Put("k", 1);
        return new WeakReference(client);
    }
}
