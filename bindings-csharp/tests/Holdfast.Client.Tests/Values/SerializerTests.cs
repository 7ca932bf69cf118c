using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Holdfast.Tests.Values;

public partial class SerializerTests
{
    [Fact]
    public async Task a_serializer_of_ones_own_writes_and_reads_what_is_no_scalar()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync(
            options: new HoldfastClientOptions { Serializer = new Upper() });
        client.Put("p", new Point(1, 2));
        Assert.Equal("POINT 1 2", client.Get<string>("p"));
        Assert.Equal(new Point(1, 2), client.Get<Point>("p"));
        Assert.Equal(new Point(1, 2), client.TryGet<Point>("p").Value);
    }

    [Fact]
    public async Task type_info_goes_before_the_serializer()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync(
            options: new HoldfastClientOptions { Serializer = new Upper() });
        JsonTypeInfo<Point> typeInfo = Context.Default.Point;
        client.Put("p", new Point(1, 2), typeInfo);
        Assert.Equal("""{"X":1,"Y":2}""", client.Get<string>("p"));
        Assert.Equal(new Point(1, 2), client.Get("p", typeInfo));
        Assert.Equal(new Point(1, 2), (await client.TryGetAsync("p", typeInfo)).Value);
    }

    [Fact]
    public async Task a_value_that_cannot_be_read_names_key_store_and_type()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("the key", "not a number");
        void IsUnreadable(Func<object?> read, string type)
        {
            HoldfastException error = Assert.Throws<HoldfastException>(read);
            Assert.Equal(HoldfastErrorCode.Serialization, error.Code);
            Assert.Contains("the key", error.Message, StringComparison.Ordinal);
            Assert.Contains(type, error.Message, StringComparison.Ordinal);
            Assert.Contains($"'{client.StoreName}'", error.Message, StringComparison.Ordinal);
        }

        IsUnreadable(() => client.Get<int>("the key"), "Int32");
        IsUnreadable(() => client.Get<Guid?>("the key"), "Guid");
        IsUnreadable(() => client.Get<bool>("the key"), "Boolean");
        IsUnreadable(() => client.Get<Point>("the key"), "Point");
        IsUnreadable(() => client.TryGet<DateTime>("the key"), "DateTime");
        client.Put("the key", new byte[] { 0xff });
        IsUnreadable(() => client.Get<string>("the key"), "String");
        client.Put("the key", "{}{}");
        IsUnreadable(() => client.Get<Point>("the key"), "Point");
        HoldfastException asynchronous = await Assert.ThrowsAsync<HoldfastException>(
            async () => await client.GetAsync<int>("the key"));
        Assert.Equal(HoldfastErrorCode.Serialization, asynchronous.Code);
        HoldfastException ofView = Assert.Throws<HoldfastException>(() =>
        {
            HoldfastClient view = client.Store("other").WithPrefix("p:");
            view.Put("large", long.MaxValue);
            view.Get<int?>("large");
        });
        Assert.Equal(
            "The value of key \"large\" in store 'other' is not the text of a System.Int32 (or is out of its range).", ofView.Message);
    }

    [Fact]
    public async Task a_value_that_cannot_be_written_changes_nothing()
    {
        await using HoldfastClient client = await TestNode.ConnectAsync();
        client.Put("k", "before");
        Assert.Equal(HoldfastErrorCode.Serialization, Assert.Throws<HoldfastException>(() => client.Put("k", "half \ud83d")).Code);
        var loop = new Loop();
        loop.Self = loop;
        Assert.Equal(HoldfastErrorCode.Serialization, Assert.Throws<HoldfastException>(() => client.Put("k", loop)).Code);
        Assert.Equal("before", client.Get<string>("k"));
    }

    [Fact]
    public async Task a_type_that_no_serializer_knows_is_named_with_the_overload_to_use()
    {
        var options = new JsonSerializerOptions { TypeInfoResolver = Context.Default };
        await using HoldfastClient client = await TestNode.ConnectAsync(
            options: new HoldfastClientOptions { Serializer = new HoldfastJsonSerializer(options) });
        client.Put("p", new Point(1, 2));
        HoldfastException error = Assert.Throws<HoldfastException>(() => client.Put("l", new Loop()));
        Assert.Equal(HoldfastErrorCode.SerializerNotFound, error.Code);
        Assert.Contains("Loop", error.Message, StringComparison.Ordinal);
        Assert.Contains("JsonTypeInfo<Loop>", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_serializer_may_itself_use_the_client()
    {
        await using HoldfastClient inner = await TestNode.ConnectAsync();
        await using HoldfastClient client = await TestNode.ConnectAsync(
            options: new HoldfastClientOptions { Serializer = new Indirect(inner) });
        client.Put("p", new Point(3, 4));
        Assert.Equal(new Point(3, 4), client.Get<Point>("p"));
    }

    internal sealed record Point(int X, int Y);

    [JsonSerializable(typeof(Point))]
    private sealed partial class Context : JsonSerializerContext;

    private sealed class Loop
    {
        public Loop? Self { get; set; }
    }

    private sealed class Upper : IHoldfastSerializer
    {
        public void Serialize<T>(T value, IBufferWriter<byte> destination)
        {
            var point = (Point)(object)value!;
            destination.Write(Encoding.UTF8.GetBytes($"POINT {point.X} {point.Y}"));
        }

        public T Deserialize<T>(in ReadOnlySequence<byte> source)
        {
            string[] parts = Encoding.UTF8.GetString(source).Split(' ');
            return (T)(object)new Point(int.Parse(parts[1], null), int.Parse(parts[2], null));
        }
    }

    private sealed class Indirect(HoldfastClient inner) : IHoldfastSerializer
    {
        public void Serialize<T>(T value, IBufferWriter<byte> destination)
        {
            inner.Put("inner", value);
            destination.Write("inner"u8);
        }

        public T Deserialize<T>(in ReadOnlySequence<byte> source) => inner.Get<T>(Encoding.UTF8.GetString(source))!;
    }
}
