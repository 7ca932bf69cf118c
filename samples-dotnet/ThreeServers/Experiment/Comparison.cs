namespace ThreeServers.Experiment;

/// <summary>The same experiment with both caches, and what it found as a table.</summary>
public static class Comparison
{
    /// <summary>Runs it. The exit code: 0 when only the caches in memory answered stale products, else 1.</summary>
    public static async Task<int> RunAsync(Options options, TextWriter output, CancellationToken cancelled)
    {
        await output.WriteLineAsync(
            $"Three instances behind a round-robin proxy. '{ThreeInstances.Laptop.Name}' is read by all of them, then updated "
            + $"once\nthrough the proxy, then read {options.Reads} times through it.\n");
        await output.WriteLineAsync(Header());

        var memory = await StaleReads.WithMemoryCacheAsync(options.Reads, cancelled);
        await output.WriteLineAsync(Row(memory));
        var holdfast = await WithHoldfastAsync(options, cancelled);
        await output.WriteLineAsync(Row(holdfast));

        var isAsExpected = memory.Stale > 0 && holdfast.Stale == 0;
        await output.WriteLineAsync(isAsExpected
            ? "\nWith IMemoryCache only the instance that took the update knew of it; the others answered what they remembered.\n"
                + "With Holdfast all three share one cache."
            : "\nThis is not what was to be shown: do all instances reach the same node?");
        return isAsExpected ? 0 : 1;
    }

    private static async Task<Findings> WithHoldfastAsync(Options options, CancellationToken cancelled)
    {
        if (options.Holdfast is { } running)
        {
            return await StaleReads.WithHoldfastAsync(running, options.Reads, cancelled);
        }

        await using var node = await HoldfastNode.StartAsync(cancelled);
        return await StaleReads.WithHoldfastAsync($"holdfast://{node.Address}/shop", options.Reads, cancelled);
    }

    private static string Header() =>
        $"{"cache",-14}{"updated by",-12}{"reads",6}{"stale",7}    price that instance 1, 2 and 3 answer";

    private static string Row(Findings findings)
    {
        var prices = findings.Answers
            .GroupBy(static answer => answer.Instance)
            .OrderBy(static instance => instance.Key, StringComparer.Ordinal)
            .Select(instance => string.Join('/', instance.Select(answer => Mark(answer.Price, findings.NewPrice)).Distinct()));
        return $"{findings.Cache,-14}{"instance " + findings.UpdatedBy,-12}{findings.Answers.Count,6}{findings.Stale,7}    "
            + string.Join("   ", prices);
    }

    private static string Mark(decimal price, decimal newPrice) =>
        price == newPrice ? $"{price:0.00}" : $"{price:0.00} (stale)";
}
