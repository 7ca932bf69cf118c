using System.Diagnostics;

namespace Holdfast.Tests;

/// <summary>Runs this assembly as a process of its own, for what a test cannot do to the process that it runs in.</summary>
public static class RemoteChildProcess
{
    public static int Main(string[] arguments)
    {
        if (arguments is not ["exit-with-calls-in-flight", var connectionString])
        {
            Console.Error.WriteLine("This is a test assembly; run it with `dotnet test`.");
            return 64;
        }

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

    internal static Process Start(params string[] arguments) =>
        Process.Start(new ProcessStartInfo("dotnet", [typeof(RemoteChildProcess).Assembly.Location, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
}
