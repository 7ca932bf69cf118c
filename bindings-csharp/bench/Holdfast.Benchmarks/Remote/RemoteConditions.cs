using System.Runtime.InteropServices;

namespace Holdfast.Benchmarks.Remote;

/// <summary>Under what conditions a table was made.</summary>
internal sealed record RemoteConditions(
    IReadOnlyList<string> Contestants, int Rounds, double SecondsPerTurn, int BigValuesPerSecond)
{
    public string Machine { get; } =
        $"{Processor()}, {Environment.ProcessorCount} cores, {RuntimeInformation.FrameworkDescription}";

    private static string Processor()
    {
        const string Information = "/proc/cpuinfo";
        string? model = File.Exists(Information)
            ? File.ReadLines(Information).FirstOrDefault(static line => line.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return model?.Split(':', 2)[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}
