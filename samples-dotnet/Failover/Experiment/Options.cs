using System.Globalization;

namespace Failover.Experiment;

/// <summary>What the command line may change.</summary>
/// <param name="Seconds">How long the customers order.</param>
/// <param name="Customers">How many there are; each waits for one order's acknowledgement before the next.</param>
public sealed record Options(int Seconds, int Customers)
{
    private const string Usage = """
        usage: dotnet run --project samples-dotnet/Failover -- [--seconds 10] [--customers 8]

          --seconds N     how long the customers order; the leader is killed when a third of it is over
          --customers N   how many there are
        """;

    public static Options Parse(ReadOnlySpan<string> given)
    {
        var options = new Options(10, 8);
        while (given is not [])
        {
            options = given switch
            {
                ["--seconds", var text, ..] when Number(text) is { } seconds => options with { Seconds = seconds },
                ["--customers", var text, ..] when Number(text) is { } customers => options with { Customers = customers },
                _ => throw new OptionsException(Usage),
            };
            given = given[2..];
        }

        return options;
    }

    private static int? Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= 3_600 ? number : null;
}
