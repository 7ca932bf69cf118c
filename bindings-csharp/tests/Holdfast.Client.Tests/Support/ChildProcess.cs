using System.Diagnostics;
using Holdfast.Interop;

namespace Holdfast.Tests;

/// <summary>Runs this assembly as a process of its own, for what a test cannot do to the process that it runs in.</summary>
public static class ChildProcess
{
    public static int Main(string[] arguments)
    {
        switch (arguments.FirstOrDefault())
        {
            case "exit-with-requests-in-flight":
                ExitWithRequestsInFlight();
                return 0;
            case "connect":
                return Open("holdfast://embedded/child");
            case "open-data":
                return Open($"holdfast://embedded/child?data={Uri.EscapeDataString(arguments[1])}");
            case "write-and-die":
                WriteAndDie(arguments[1]);
                return 0;
            default:
                Console.Error.WriteLine("This is a test assembly; run it with `dotnet test`.");
                return 64;
        }
    }

    internal static async Task<(int ExitCode, string Output)> RunAsync(string folder, params string[] scenario)
    {
        string assembly = Path.Combine(folder, Path.GetFileName(typeof(ChildProcess).Assembly.Location));
        using var process = Process.Start(new ProcessStartInfo("dotnet", [assembly, .. scenario])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        return (process.ExitCode, await output + await errors);
    }

    private static void ExitWithRequestsInFlight()
    {
        var echo = new Echo();
        for (int index = 0; index < 1_000; index++)
        {
            _ = echo.CallAsync(index % 2 == 0 ? EchoMode.Hold : EchoMode.OtherThread, "pending").AsTask();
        }

        Console.WriteLine("leaving");
        GC.KeepAlive(echo);
    }

    /// <summary>Its end is none that a program could clean up at.</summary>
    private static void WriteAndDie(string folder)
    {
        HoldfastClient client = HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = "holdfast://embedded/tests", Data = folder });
        for (int index = 0; index < 100; index++)
        {
            client.Put($"k{index}", index);
            Console.WriteLine($"acknowledged {index}");
        }

        Process.GetCurrentProcess().Kill();
    }

    private static int Open(string connectionString)
    {
        try
        {
            using HoldfastClient client = HoldfastClient.ConnectAsync(connectionString).GetAwaiter().GetResult();
            Console.WriteLine(client.StoreName);
            return 0;
        }
        catch (HoldfastException error)
        {
            Console.WriteLine($"{error.Code}: {error.Message}");
            return 1;
        }
        catch (Exception error) when (error is TypeInitializationException or PlatformNotSupportedException)
        {
            Console.WriteLine($"{error.GetType().Name}: {error.Message}");
            return 2;
        }
    }
}
