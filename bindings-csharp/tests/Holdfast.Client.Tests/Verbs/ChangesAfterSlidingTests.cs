namespace Holdfast.Tests.Verbs;

public class ChangesAfterSlidingTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task a_change_at_a_sliding_deadline_finds_nothing()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("k", 1, new PutOptions { SlidingTtl = Second });
        client.AdvanceClock(Second);
        Assert.False(await client.TouchAsync("k"));
        Assert.False(client.Expire("k", Second));
        Assert.False(client.Persist("k"));
        Assert.False(client.Delete("k"));
    }
}
