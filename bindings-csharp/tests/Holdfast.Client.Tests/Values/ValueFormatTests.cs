using System.Globalization;
using System.Text;

namespace Holdfast.Tests.Values;

public class ValueFormatTests
{
    private enum Color
    {
        Red,
        Green,
    }

    /// <summary>The stored bytes of each type. They are read by other versions and by other programs: they never change.</summary>
    public static TheoryData<string, object> GoldenBytes => new()
    {
        { "Laptop ä😀", "Laptop ä😀" },
        { "raw", "raw"u8.ToArray() },
        { "-128", sbyte.MinValue },
        { "255", byte.MaxValue },
        { "-32768", short.MinValue },
        { "65535", ushort.MaxValue },
        { "-2147483648", int.MinValue },
        { "4294967295", uint.MaxValue },
        { "-9223372036854775808", long.MinValue },
        { "18446744073709551615", ulong.MaxValue },
        { "170141183460469231731687303715884105727", Int128.MaxValue },
        { "true", true },
        { "false", false },
        { "0.1", 0.1 },
        { "-1.7976931348623157E+308", double.MinValue },
        { "NaN", double.NaN },
        { "3.4028235E+38", float.MaxValue },
        { "1.10", 1.10m },
        { "00112233-4455-6677-8899-aabbccddeeff", Guid.Parse("00112233-4455-6677-8899-aabbccddeeff") },
        { "2024-02-29T12:34:56.7891234Z", new DateTime(2024, 2, 29, 12, 34, 56, DateTimeKind.Utc).AddTicks(7_891_234) },
        { "2024-02-29T12:34:56.0000000", new DateTime(2024, 2, 29, 12, 34, 56, DateTimeKind.Unspecified) },
        { "2024-02-29T12:34:56.0000000+02:00", new DateTimeOffset(2024, 2, 29, 12, 34, 56, TimeSpan.FromHours(2)) },
        { "-1.02:03:04.0000005", -new TimeSpan(1, 2, 3, 4).Add(TimeSpan.FromTicks(5)) },
        { "1", Color.Green },
        { "\"2024-02-29\"", new DateOnly(2024, 2, 29) },
        { "\"x\"", 'x' },
        { "[1,2]", new[] { 1, 2 } },
    };

    [Theory]
    [MemberData(nameof(GoldenBytes))]
    public async Task a_value_is_stored_as_its_golden_bytes_and_reads_back(string golden, object value)
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
        try
        {
            await using HoldfastClient client = await TestNode.ConnectAsync();
            await (Task)typeof(ValueFormatTests).GetMethod(nameof(RoundTripAsync), System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static)!
                .MakeGenericMethod(value.GetType()).Invoke(null, [client, golden, value])!;
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public async Task an_object_is_json_with_web_defaults()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("p", new Product("Laptop", 999.5m, Color.Green));
        Assert.Equal("""{"name":"Laptop","price":999.5,"color":1}""", client.Get<string>("p"));
        Assert.Equal(new Product("Laptop", 999.5m, Color.Green), client.Get<Product>("p"));
    }

    [Fact]
    public async Task an_empty_value_is_a_value()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("text", "");
        client.Put("bytes", Array.Empty<byte>());
        Assert.Equal("", client.Get<string>("text"));
        Assert.Equal([], client.Get<byte[]>("bytes")!);
        Assert.True(client.TryGet<ReadOnlyMemory<byte>>("bytes").Found);
    }

    [Fact]
    public async Task a_nullable_value_is_null_on_a_miss_only()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        Assert.Null(client.Get<int?>("n"));
        Assert.Equal(0, client.Get<int>("n"));
        client.Put<int?>("n", 0);
        Assert.Equal(0, client.Get<int?>("n"));
    }

    [Fact]
    public async Task putting_null_is_refused_by_name()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        Assert.Equal("value", Assert.Throws<ArgumentNullException>(() => client.Put<string>("k", null!)).ParamName);
        Assert.Equal("value", Assert.Throws<ArgumentNullException>(() => client.Put<int?>("k", null)).ParamName);
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await client.PutAsync<Product>("k", null!));
        Assert.False(client.Exists("k"));
    }

    [Fact]
    public async Task the_returned_array_belongs_to_the_caller()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        byte[] put = [1, 2, 3];
        client.Put("k", put);
        put[0] = 9;
        client.Get<byte[]>("k")![1] = 9;
        Assert.Equal([1, 2, 3], client.Get<byte[]>("k")!);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(255)]
    [InlineData(2_048)]
    [InlineData(2_049)]
    [InlineData(4_097)]
    [InlineData(300_000)]
    [InlineData(16 * 1024 * 1024)]
    public async Task values_of_every_accepted_size_come_back_whole(int length)
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        byte[] value = new byte[length];
        new Random(length).NextBytes(value);
        await client.PutAsync("k", value);
        Assert.Equal(value, await client.GetAsync<byte[]>("k"));
        string text = new('ä', length / 2);
        client.Put("t", text);
        Assert.Equal(text, client.Get<string>("t"));
    }

    private static async Task RoundTripAsync<T>(HoldfastClient client, string golden, T value)
    {
        await client.PutAsync("k", value);
        Assert.Equal(golden, Encoding.UTF8.GetString(client.Get<byte[]>("k")!));
        Assert.Equal(value, await client.GetAsync<T>("k"));
    }

    private sealed record Product(string Name, decimal Price, Color Color);
}
