using System.Diagnostics;

namespace Holdfast.Tests;

/// <summary>Runs this assembly as a process of its own, for what a test cannot do to the process that it runs in.</summary>
public static class RemoteChildProcess
{
    public static int Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["exit-with-calls-in-flight", var connectionString]:
                return ExitWithCallsInFlight(connectionString);
            case ["call-while-exiting", var connectionString]:
                return CallWhileExiting(connectionString);
            default:
                Console.Error.WriteLine("This is a test assembly; run it with `dotnet test`.");
                return 64;
        }
    }

    internal static Process Start(params string[] arguments) =>
        Process.Start(new ProcessStartInfo("dotnet", [typeof(RemoteChildProcess).Assembly.Location, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;

    private static int ExitWithCallsInFlight(string connectionString)
    {
        HoldfastClient client = HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = connectionString });
        client.Put("k", 1);
        Console.WriteLine("connected");
        Console.ReadLine();
        for (int index = 0; index < 1_000; index++)
        {
            _ = client.GetAsync<int>($"k{index}").AsTask();
        }

        Console.WriteLine("leaving");
        GC.KeepAlive(client);
        return 0;
    }

    /// <summary>Calls, and closes, from a handler that was registered later than the client's own.</summary>
    private static int CallWhileExiting(string connectionString)
    {
        HoldfastClient client = HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = connectionString });
        client.Put("k", 1);
        Console.WriteLine("connected");
        Console.ReadLine();
        Task<int> pending = Task.Run(() => client.GetAsync<int>("pending").AsTask());
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            foreach (Func<Task> call in (Func<Task>[])[
                () => pending, () => Task.FromResult(client.Get<int>("k")), () => client.GetAsync<int>("k").AsTask()])
            {
                try
                {
                    call().GetAwaiter().GetResult();
                    Console.WriteLine("answered");
                }
                catch (ObjectDisposedException)
                {
                    Console.WriteLine("closed");
                }
            }

            client.DisposeAsync().AsTask().GetAwaiter().GetResult();
            Console.WriteLine("left");
        };
        return 0;
    }
}
