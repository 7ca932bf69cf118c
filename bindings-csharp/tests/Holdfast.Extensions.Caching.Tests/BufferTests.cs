using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching.Tests;

public sealed class BufferTests : CacheTest
{
    private static readonly DistributedCacheEntryOptions Options = new();

    public static TheoryData<int> Sizes => [0, 1, 100, 511, 512, 513, 4095, 4096, 4097, 65_536, 300_000];

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task Values_of_any_size_come_back_by_every_way(int size)
    {
        var value = Pattern(size);
        Test.Cache.Set("array", value, Options);
        await Test.Cache.SetAsync("array async", value, Options);
        Test.Buffers.Set("sequence", new ReadOnlySequence<byte>(value), Options);
        await Test.Buffers.SetAsync("sequence async", new ReadOnlySequence<byte>(value), Options);
        await Test.Buffers.SetAsync("segments", Segments(value, 7), Options);

        foreach (var key in (string[])["array", "array async", "sequence", "sequence async", "segments"])
        {
            Assert.Equal(value, Test.Cache.Get(key));
            Assert.Equal(value, await Test.Cache.GetAsync(key));
            var writer = new ArrayBufferWriter<byte>();
            Assert.True(Test.Buffers.TryGet(key, writer));
            Assert.True(await Test.Buffers.TryGetAsync(key, writer));
            Assert.Equal([.. value, .. value], writer.WrittenSpan.ToArray());
        }
    }

    [Fact]
    public async Task Memory_that_is_no_array_and_refuses_to_be_pinned_works()
    {
        using var memory = new UnpinnableMemory(5_000);
        Pattern(5_000).CopyTo(memory.GetSpan());
        Test.Buffers.Set("sync", new ReadOnlySequence<byte>(memory.Memory), Options);
        await Test.Buffers.SetAsync("async", new ReadOnlySequence<byte>(memory.Memory), Options);

        Assert.Equal(Pattern(5_000), Test.Cache.Get("sync"));
        Assert.Equal(Pattern(5_000), Test.Cache.Get("async"));
    }

    [Fact]
    public async Task A_sequence_is_consumed_before_the_call_returns()
    {
        var buffer = Pattern(1_000);
        var pending = Test.Buffers.SetAsync("key", new ReadOnlySequence<byte>(buffer), Options);
        Array.Clear(buffer);
        await pending;

        Assert.Equal(Pattern(1_000), Test.Cache.Get("key"));
    }

    [Fact]
    public void A_writer_that_gives_small_or_large_rooms_gets_the_whole_value()
    {
        Test.Cache.Set("key", Pattern(10_000), Options);
        var exact = new ArrayBufferWriter<byte>(10_000);
        var large = new ArrayBufferWriter<byte>(100_000);
        var growing = new ArrayBufferWriter<byte>(1);

        foreach (var writer in (ArrayBufferWriter<byte>[])[exact, large, growing])
        {
            Assert.True(Test.Buffers.TryGet("key", writer));
            Assert.Equal(Pattern(10_000), writer.WrittenSpan.ToArray());
        }
    }

    private static byte[] Pattern(int size)
    {
        var bytes = new byte[size];
        for (var index = 0; index < size; index++)
        {
            bytes[index] = (byte)(index * 31 + 7);
        }

        return bytes;
    }

    private static ReadOnlySequence<byte> Segments(byte[] value, int count)
    {
        var first = new Segment(ReadOnlyMemory<byte>.Empty, null);
        var last = first;
        var length = value.Length / count + 1;
        for (var start = 0; start < value.Length; start += length)
        {
            last = new Segment(value.AsMemory(start, Math.Min(length, value.Length - start)), last);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        internal Segment(ReadOnlyMemory<byte> memory, Segment? before)
        {
            Memory = memory;
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + before.Memory.Length;
                before.Next = this;
            }
        }
    }

    private sealed unsafe class UnpinnableMemory(int size) : MemoryManager<byte>
    {
        private readonly void* _start = NativeMemory.Alloc((nuint)size);

        public override Span<byte> GetSpan() => new(_start, size);

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException("Not to be pinned.");

        public override void Unpin() => throw new NotSupportedException("Not to be pinned.");

        protected override void Dispose(bool disposing) => NativeMemory.Free(_start);
    }
}
