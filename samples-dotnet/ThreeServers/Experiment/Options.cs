using System.Globalization;

namespace ThreeServers.Experiment;

/// <summary>What the command line may change.</summary>
/// <param name="Reads">Reads through the proxy after the update.</param>
/// <param name="Holdfast">The connection string of a node that runs already; without it one is started.</param>
public sealed record Options(int Reads, string? Holdfast)
{
    private const string Usage = """
        usage: dotnet run --project samples-dotnet/ThreeServers -- [--reads 30] [--holdfast holdfast://HOST:PORT/STORE]

          --reads N        reads through the proxy after the update
          --holdfast URL   a node that runs already; without it the experiment starts `holdfast serve` itself
        """;

    public static Options Parse(ReadOnlySpan<string> given)
    {
        var options = new Options(30, null);
        while (given is not [])
        {
            options = given switch
            {
                ["--reads", var text, ..] when int.TryParse(text, CultureInfo.InvariantCulture, out var reads) && reads > 0 =>
                    options with { Reads = reads },
                ["--holdfast", var text, ..] => options with { Holdfast = text },
                _ => throw new OptionsException(Usage),
            };
            given = given[2..];
        }

        return options;
    }
}
