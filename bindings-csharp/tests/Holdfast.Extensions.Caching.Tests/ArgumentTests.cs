using System.Buffers;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class ArgumentTests : CacheTest
{
    private static readonly byte[] Value = [1, 2, 3];
    private static readonly DistributedCacheEntryOptions Options = new();

    public static TheoryData<string, string> NullArguments => new()
    {
        { "Get", "key" },
        { "GetAsync", "key" },
        { "TryGet", "key" },
        { "TryGet", "destination" },
        { "TryGetAsync", "key" },
        { "TryGetAsync", "destination" },
        { "Set", "key" },
        { "Set", "value" },
        { "Set", "options" },
        { "SetAsync", "key" },
        { "SetAsync", "value" },
        { "SetAsync", "options" },
        { "Set sequence", "key" },
        { "Set sequence", "options" },
        { "SetAsync sequence", "key" },
        { "SetAsync sequence", "options" },
        { "Refresh", "key" },
        { "RefreshAsync", "key" },
        { "Remove", "key" },
        { "RemoveAsync", "key" },
    };

    [Theory]
    [MemberData(nameof(NullArguments))]
    public async Task A_null_argument_is_named_before_a_cancelled_token_is_noticed(string method, string argument)
    {
        var thrown = await Assert.ThrowsAsync<ArgumentNullException>(() => Call(method, argument, new CancellationToken(canceled: true)));
        Assert.Equal(argument, thrown.ParamName);
    }

    [Theory]
    [MemberData(nameof(NullArguments))]
    public async Task A_null_argument_is_named_after_dispose_too(string method, string argument)
    {
        await Test.DisposeAsync();
        var thrown = await Assert.ThrowsAsync<ArgumentNullException>(() => Call(method, argument, CancellationToken.None));
        Assert.Equal(argument, thrown.ParamName);
    }

    [Fact]
    public async Task An_empty_value_is_a_value()
    {
        Test.Cache.Set("array", [], Options);
        await Test.Buffers.SetAsync("sequence", ReadOnlySequence<byte>.Empty, Options);

        foreach (var key in (string[])["array", "sequence"])
        {
            Assert.Empty(Assert.IsType<byte[]>(Test.Cache.Get(key)));
            Assert.Empty(Assert.IsType<byte[]>(await Test.Cache.GetAsync(key)));
            var writer = new ArrayBufferWriter<byte>();
            Assert.True(Test.Buffers.TryGet(key, writer));
            Assert.True(await Test.Buffers.TryGetAsync(key, writer));
            Assert.Equal(0, writer.WrittenCount);
        }
    }

    [Fact]
    public async Task A_miss_is_null_or_false_and_writes_nothing()
    {
        var writer = new UntouchableWriter();

        Assert.Null(Test.Cache.Get("missing"));
        Assert.Null(await Test.Cache.GetAsync("missing"));
        Assert.False(Test.Buffers.TryGet("missing", writer));
        Assert.False(await Test.Buffers.TryGetAsync("missing", writer));
    }

    [Fact]
    public async Task An_expired_entry_is_a_miss_and_writes_nothing()
    {
        Test.Cache.Set("key", Value, new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromSeconds(1) });
        Test.Advance(TimeSpan.FromSeconds(1));
        var writer = new UntouchableWriter();

        Assert.Null(Test.Cache.Get("key"));
        Assert.Null(await Test.Cache.GetAsync("key"));
        Assert.False(Test.Buffers.TryGet("key", writer));
        Assert.False(await Test.Buffers.TryGetAsync("key", writer));
    }

    [Fact]
    public async Task A_token_that_was_cancelled_before_ends_each_call_and_changes_nothing()
    {
        Test.Cache.Set("key", Value, Options);
        var cancelled = new CancellationToken(canceled: true);

        foreach (var method in (string[])["GetAsync", "TryGetAsync", "SetAsync", "SetAsync sequence", "RefreshAsync", "RemoveAsync"])
        {
            var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Call(method, "none", cancelled));
            Assert.Equal(cancelled, thrown.CancellationToken);
            Assert.Equal(HoldfastOutcome.NotApplied, Assert.IsAssignableFrom<IHoldfastError>(thrown).Outcome);
        }

        Assert.Equal(Value, Test.Cache.Get("key"));
    }

    [Fact]
    public async Task A_token_that_was_cancelled_before_ends_the_first_call_of_all()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Test.Cache.GetAsync("key", new CancellationToken(canceled: true)));
    }

    /// <summary>Calls a method with that argument null, and other data than the entry of the test has.</summary>
    private async Task Call(string method, string nullArgument, CancellationToken token)
    {
        T? Unless<T>(string argument, T value)
            where T : class => argument == nullArgument ? null : value;
        var key = Unless("key", "key")!;
        var value = Unless("value", new byte[] { 9 })!;
        var options = Unless("options", Options)!;
        var destination = Unless("destination", new ArrayBufferWriter<byte>())!;
        var sequence = new ReadOnlySequence<byte>(new byte[] { 9 });
        switch (method)
        {
            case "Get": Test.Cache.Get(key); break;
            case "GetAsync": await Test.Cache.GetAsync(key, token); break;
            case "TryGet": Test.Buffers.TryGet(key, destination); break;
            case "TryGetAsync": await Test.Buffers.TryGetAsync(key, destination, token); break;
            case "Set": Test.Cache.Set(key, value, options); break;
            case "SetAsync": await Test.Cache.SetAsync(key, value, options, token); break;
            case "Set sequence": Test.Buffers.Set(key, sequence, options); break;
            case "SetAsync sequence": await Test.Buffers.SetAsync(key, sequence, options, token); break;
            case "Refresh": Test.Cache.Refresh(key); break;
            case "RefreshAsync": await Test.Cache.RefreshAsync(key, token); break;
            case "Remove": Test.Cache.Remove(key); break;
            case "RemoveAsync": await Test.Cache.RemoveAsync(key, token); break;
            default: throw new ArgumentException(method, nameof(method));
        }
    }

    private sealed class UntouchableWriter : IBufferWriter<byte>
    {
        public void Advance(int count) => throw new InvalidOperationException("Nothing is to be written.");

        public Memory<byte> GetMemory(int sizeHint = 0) => throw new InvalidOperationException("Nothing is to be written.");

        public Span<byte> GetSpan(int sizeHint = 0) => throw new InvalidOperationException("Nothing is to be written.");
    }
}
