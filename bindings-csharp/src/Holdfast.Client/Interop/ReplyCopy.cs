using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Holdfast.Interop;

/// <summary>
/// Copies the data of a reply out of native memory and gives that back at once: into a pooled array, or into one of
/// exactly its length that a reader may keep.
/// </summary>
internal static unsafe class ReplyCopy
{
    [SuppressMessage("Design", "CA1031", Justification = "Runs inside a native callback: nothing may leave it, the caller gets the failure.")]
    internal static byte[]? Of(ref readonly HfReply.Unmanaged reply, bool isRented, out Exception? failure)
    {
        failure = null;
        try
        {
            if (reply.data_length == 0)
            {
                return null;
            }

            int length = checked((int)reply.data_length);
            byte[] copy = isRented ? ArrayPool<byte>.Shared.Rent(length) : GC.AllocateUninitializedArray<byte>(length);
            new ReadOnlySpan<byte>((void*)reply.data, length).CopyTo(copy);
            return copy;
        }
        catch (Exception error)
        {
            failure = error;
            return null;
        }
        finally
        {
            if (reply.release != 0)
            {
                Interop.hf_reply_release(reply.release);
            }
        }
    }
}
