namespace Holdfast.Tests.Faults;

public class CredentialTests
{
    [Theory]
    [InlineData("wrong horse")]
    [InlineData(null)]
    public async Task a_wrong_or_missing_token_is_a_typed_error_that_shows_none(string? token)
    {
        using ServeProcess node = ServeProcess.Start("--token", "correct horse");
        await using HoldfastClient client = Nodes.ClientOf(node, options => options.Token = token);
        HoldfastException error = await Nodes.FailsWithinAsync<HoldfastException>(TimeSpan.FromSeconds(30), async () => await client.GetAsync<int>("k"));
        Assert.Equal((HoldfastErrorCode.Unauthenticated, HoldfastOutcome.NotApplied, false), (error.Code, error.Outcome, error.IsTransient));
        Assert.DoesNotContain("horse", error.ToString() + node.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_refused_token_is_logged_with_one_warning_that_speaks_of_no_connection()
    {
        using ServeProcess node = ServeProcess.Start("--token", "correct horse");
        using var recorded = new RecordedLog();
        await using HoldfastClient client = Nodes.ClientOf(node, options => options.LoggerFactory = recorded);
        _ = await Assert.ThrowsAsync<HoldfastException>(() => client.GetAsync<int>("k").AsTask());
        await Eventually.IsTrueAsync(() => recorded.Lines.Any(IsWarning), "the refusal is logged");
        string warning = Assert.Single(recorded.Lines, IsWarning);
        Assert.StartsWith("Warning Holdfast.Client: No node accepts this client, trying again: ", warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_lost_connection_is_logged_with_one_warning()
    {
        using ServeProcess node = ServeProcess.Start();
        using var recorded = new RecordedLog();
        await using HoldfastClient client = Nodes.ClientOf(node, options => options.LoggerFactory = recorded);
        client.Put("k", 1);
        node.KillNow();
        await Eventually.IsTrueAsync(
            () => recorded.Lines.Any(IsWarning) && recorded.Lines.Any(static line => line.StartsWith("Debug Holdfast.Native: ", StringComparison.Ordinal) && line.Contains("ended", StringComparison.Ordinal)),
            "the loss is logged by both");
        Assert.StartsWith($"Warning Holdfast.Client: The connection to {node.Address} was lost", Assert.Single(recorded.Lines, IsWarning), StringComparison.Ordinal);
    }

    [Fact]
    public async Task the_right_token_opens_also_from_the_connection_string()
    {
        using ServeProcess node = ServeProcess.Start("--token", "correct-horse");
        await using HoldfastClient options = Nodes.ClientOf(node, static options => options.Token = "correct-horse");
        options.Put("k", 1);
        await using HoldfastClient text = await HoldfastClient.ConnectAsync($"holdfast://{node.Address}/tests?token=correct-horse");
        Assert.Equal(1, text.Get<int>("k"));
    }

    private static bool IsWarning(string line) => line.StartsWith("Warning ", StringComparison.Ordinal);
}
