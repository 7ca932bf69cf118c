namespace Holdfast.Tests.Verbs;

public class SlidingTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    [Fact]
    public async Task a_sliding_entry_read_before_its_deadline_lives_another_window_but_never_past_its_cap()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("k", 1, new PutOptions { SlidingTtl = Second, Ttl = 3 * Second });
        for (int round = 0; round < 3; round++)
        {
            client.AdvanceClock(Second - Tick);
            Assert.Equal(1, client.Get<int>("k"));
        }

        client.AdvanceClock(3 * Tick);
        Assert.Null(client.Get<int?>("k"));
    }

    [Fact]
    public async Task touch_slides_and_exists_does_not()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("touched", 1, new PutOptions { SlidingTtl = Second });
        client.Put("asked", 1, new PutOptions { SlidingTtl = Second });
        client.AdvanceClock(Second - Tick);
        Assert.True(client.Touch("touched"));
        Assert.True(client.Exists("asked"));
        client.AdvanceClock(Tick);
        Assert.True(client.Exists("touched"));
        Assert.False(client.Exists("asked"));
    }
}
