using System.Globalization;
using System.Text.RegularExpressions;

namespace Holdfast.Tests.Errors;

public partial class ErrorTableTests
{
    [Fact]
    public void the_codes_are_those_of_the_one_error_table_by_name_number_and_documentation()
    {
        string table = Checkout.Read("rust-core/proto/src/code.rs");
        Dictionary<string, int> native = Row().Matches(table)
            .ToDictionary(row => row.Groups["name"].Value, row => int.Parse(row.Groups["number"].Value, CultureInfo.InvariantCulture));
        Assert.True(native.Count > 30);
        Dictionary<string, int> managed = Enum.GetValues<HoldfastErrorCode>()
            .Where(code => code != HoldfastErrorCode.None)
            .ToDictionary(code => code.ToString(), code => (int)code);
        Assert.Equal(native.OrderBy(row => row.Value), managed.OrderBy(row => row.Value));

        string documentation = Checkout.Read("bindings-csharp/src/Holdfast.Client/Errors/HoldfastErrorCode.cs");
        foreach (Match row in Row().Matches(table))
        {
            Assert.Contains($"<summary>{row.Groups["doc"].Value}</summary>", documentation, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void the_outcomes_are_those_of_the_table()
    {
        string table = Checkout.Read("rust-core/proto/src/code.rs");
        foreach (HoldfastOutcome outcome in Enum.GetValues<HoldfastOutcome>())
        {
            Assert.Contains($"{outcome} = {(int)outcome},", table, StringComparison.Ordinal);
        }
    }

    [GeneratedRegex("""^    (?<name>\w+) = (?<number>\d+), (Transient|Lasting), \w+, "(?<doc>[^"]*)";""", RegexOptions.Multiline)]
    private static partial Regex Row();
}
