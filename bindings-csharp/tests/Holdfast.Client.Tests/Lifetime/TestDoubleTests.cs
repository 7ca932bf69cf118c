namespace Holdfast.Tests.Lifetime;

public class TestDoubleTests
{
    [Fact]
    public async Task a_test_double_overrides_the_verbs_it_needs_and_the_others_say_so()
    {
        await using HoldfastClient client = new Double();
        Assert.Equal("double", client.Get<string>("k"));
        Assert.Throws<InvalidOperationException>(() => client.Put("k", 1));
        Assert.Throws<InvalidOperationException>(() => client.StoreName);
        client.Dispose();
    }

    private sealed class Double : HoldfastClient
    {
        public override T? Get<T>(HoldfastKey key, CancellationToken cancellationToken = default)
            where T : default => (T)(object)"double";
    }
}
