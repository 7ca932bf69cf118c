using System.Globalization;

namespace Holdfast.Benchmarks.Remote;

/// <summary>Processor time of a server's process, all its threads together, as Linux counts it.</summary>
internal sealed class ServerCpu(int process)
{
    /// <summary>Linux tells it in hundredths of a second on every platform that .NET runs on.</summary>
    private const double TicksPerSecond = 100;

    /// <summary>What it took since it began; a server in this process takes none of its own.</summary>
    internal TimeSpan Read()
    {
        if (process == 0)
        {
            return TimeSpan.Zero;
        }

        // The program's name, in parentheses, may hold anything. After it: state, and ten fields before these two.
        string stat = File.ReadAllText($"/proc/{process}/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        long ticks = long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
        return TimeSpan.FromSeconds(ticks / TicksPerSecond);
    }
}
