using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class KeyTests : CacheTest
{
    private const int LongestKey = 32 * 1024;

    [Fact]
    public void Keys_differ_by_case_spaces_and_any_character_of_Unicode()
    {
        string[] keys =
        [
            "key", "KEY", "Key", " key", "key ", "k ey", "key\0", "\0", "key\r\n", "a/b?c#d%20", "{tag}key",
            "straße", "strasse", "i", "ı", "İ", "é", "e\u0301", "ключ", "键", "🔑", "🗝", "\u200b", "\uFFFD", "__key",
        ];

        for (var index = 0; index < keys.Length; index++)
        {
            Test.Cache.Set(keys[index], [(byte)index], new());
        }

        for (var index = 0; index < keys.Length; index++)
        {
            Assert.Equal((byte)index, Assert.Single(Test.Cache.Get(keys[index])!));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(449)]
    [InlineData(1024)]
    [InlineData(LongestKey)]
    public async Task A_key_may_have_any_length_up_to_the_limit(int length)
    {
        var key = new string('k', length);
        await Test.Cache.SetAsync(key, [1], new());

        Assert.Equal([1], Test.Cache.Get(key));
        Assert.Equal([1], await Test.Cache.GetAsync(key));
        Test.Cache.Remove(key);
        Assert.Null(Test.Cache.Get(key));
    }

    [Fact]
    public async Task A_key_above_the_limit_is_an_error_that_names_the_limit()
    {
        var key = new string('k', LongestKey + 1);

        var thrown = Assert.Throws<HoldfastException>(() => Test.Cache.Set(key, [1], new()));
        Assert.Equal(HoldfastErrorCode.KeyTooLarge, thrown.Code);
        Assert.Contains("32", thrown.Message, StringComparison.Ordinal);
        Assert.Equal(HoldfastErrorCode.KeyTooLarge, Assert.Throws<HoldfastException>(() => Test.Cache.Get(key)).Code);
        Assert.Equal(
            HoldfastErrorCode.KeyTooLarge,
            (await Assert.ThrowsAsync<HoldfastException>(() => Test.Cache.GetAsync(key))).Code);
    }

    [Fact]
    public void An_empty_key_is_an_argument_error()
    {
        Assert.Equal("key", Assert.Throws<ArgumentException>(() => Test.Cache.Set("", [1], new())).ParamName);
    }

    [Fact]
    public void A_key_that_is_not_valid_UTF16_is_an_argument_error()
    {
        Assert.Equal("key", Assert.Throws<ArgumentException>(() => Test.Cache.Set("half \ud83d", [1], new())).ParamName);
    }

    [Fact]
    public async Task The_instance_name_is_a_literal_prefix()
    {
        await using var test = new CacheUnderTest(options => options.InstanceName = "shop:{*} ");
        await using var client = test.Client();
        test.Cache.Set("key", [1, 2], new());

        Assert.Equal([1, 2], client.Get<byte[]>("shop:{*} key"));
        Assert.Null(client.Get<byte[]>("key"));
        Assert.Equal([1, 2], test.Cache.Get("key"));
        test.Cache.Remove("key");
        Assert.Null(client.Get<byte[]>("shop:{*} key"));
    }

    [Fact]
    public async Task Caches_with_other_instance_names_do_not_see_each_other()
    {
        await using var test = new CacheUnderTest(options => options.InstanceName = "a:");
        await using var client = test.Client();
        client.Put("b:key", new byte[] { 7 });

        Assert.Null(test.Cache.Get("key"));
        Assert.Null(test.Cache.Get("b:key"));
        Assert.Null(await test.Cache.GetAsync("b:key"));
    }
}
