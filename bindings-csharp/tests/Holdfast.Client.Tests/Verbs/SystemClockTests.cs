namespace Holdfast.Tests.Verbs;

public class SystemClockTests
{
    [Fact]
    public async Task a_system_clock_cannot_be_advanced()
    {
        await using HoldfastClient client = await TestNode.ConnectToSystemClockAsync();
        HoldfastException error = Assert.Throws<HoldfastException>(() => client.AdvanceClock(TimeSpan.FromSeconds(1)));
        Assert.Equal(HoldfastErrorCode.ClockNotManual, error.Code);
        Assert.Throws<ArgumentOutOfRangeException>(() => client.AdvanceClock(TimeSpan.FromSeconds(-1)));
    }
}
