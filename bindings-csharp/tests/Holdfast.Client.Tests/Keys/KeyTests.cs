using System.Text;

namespace Holdfast.Tests.Keys;

public class KeyTests
{
    [Fact]
    public async Task text_and_its_utf8_bytes_are_the_same_key()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("größe/😀", "value");
        Assert.Equal("value", client.Get<string>(Encoding.UTF8.GetBytes("größe/😀")));
        Assert.Equal("value", client.Get<string>(new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes("größe/😀"))));
        HoldfastKey text = "größe/😀";
        HoldfastKey bytes = Encoding.UTF8.GetBytes("größe/😀");
        Assert.True(text == bytes);
        Assert.Equal(text.GetHashCode(), bytes.GetHashCode());
        Assert.Equal(bytes.ToArray(), text.ToArray());
    }

    [Fact]
    public async Task keys_differ_by_case_space_and_any_other_byte()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        string[] keys = ["key", "KEY", "key ", " key", "kéy", "ke\u0301y", "\0", "key\0"];
        foreach (string key in keys)
        {
            client.Create(key, key);
        }

        foreach (string key in keys)
        {
            Assert.Equal(key, client.Get<string>(key));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(170)]
    [InlineData(171)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(32 * 1024)]
    public async Task keys_of_every_accepted_length_work(int length)
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        string text = new('ä', length / 2);
        string key = length % 2 == 1 ? text + "x" : text;
        client.Put(key, length);
        Assert.Equal(length, client.Get<int>(key));
        Assert.Equal(length, client.WithPrefix(key[..1]).Get<int?>(key[1..]) ?? (key.Length == 1 ? length : -1));
    }

    [Fact]
    public async Task a_null_key_is_refused_by_name()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        Assert.Equal("key", Assert.Throws<ArgumentNullException>(() => client.Get<string>((string)null!)).ParamName);
        Assert.Equal("key", Assert.Throws<ArgumentNullException>(() => client.Put((byte[])null!, 1)).ParamName);
        Assert.Equal("key", (await Assert.ThrowsAsync<ArgumentNullException>(async () => await client.GetAsync<string>(default))).ParamName);
        Assert.Equal("key", Assert.Throws<ArgumentNullException>(() => client.GetMany<string>([default(HoldfastKey)])).ParamName);
    }

    [Fact]
    public async Task an_empty_key_is_refused_by_name_and_nothing_changes()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        Assert.Equal("key", Assert.Throws<ArgumentException>(() => client.Put("", 1)).ParamName);
        Assert.Equal("key", Assert.Throws<ArgumentException>(() => client.Delete(Array.Empty<byte>())).ParamName);
        Assert.Equal(0, client.Count());
    }

    [Fact]
    public async Task text_with_half_a_surrogate_pair_is_refused_by_name()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        ArgumentException error = Assert.Throws<ArgumentException>(() => client.Put("half \ud83d!", 1));
        Assert.Equal("key", error.ParamName);
        Assert.Equal(0, client.Count());
    }

    [Fact]
    public async Task a_key_over_the_limit_is_a_typed_error_with_limit_size_and_a_cut_key()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        HoldfastException error = Assert.Throws<HoldfastException>(() => client.Put(new string('k', 32_769), 1));
        Assert.Equal(HoldfastErrorCode.KeyTooLarge, error.Code);
        Assert.Equal(HoldfastOutcome.NotApplied, error.Outcome);
        Assert.Contains("32769", error.Message, StringComparison.Ordinal);
        Assert.True(error.Message.Length < 400);
        Assert.Equal(0, client.Count());
    }

    [Fact]
    public void a_key_shows_itself_escaped_and_in_messages_cut_at_64_characters()
    {
        Assert.Equal(@"a\u{a}b\\\u{202e}c", new HoldfastKey("a\nb\\\u202ec").ToString());
        Assert.Equal(@"ok\xff\xfe", ((HoldfastKey)new byte[] { 0x6f, 0x6b, 0xff, 0xfe }).ToString());
        Assert.Equal(new string('x', 64) + "…", new HoldfastKey(new string('x', 65)).ToMessage());
        Assert.Equal(new string('x', 64), new HoldfastKey(new string('x', 64)).ToMessage());
    }
}
