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
    public async Task the_right_token_opens_also_from_the_connection_string()
    {
        using ServeProcess node = ServeProcess.Start("--token", "correct-horse");
        await using HoldfastClient options = Nodes.ClientOf(node, static options => options.Token = "correct-horse");
        options.Put("k", 1);
        await using HoldfastClient text = await HoldfastClient.ConnectAsync($"holdfast://{node.Address}/tests?token=correct-horse");
        Assert.Equal(1, text.Get<int>("k"));
    }
}
