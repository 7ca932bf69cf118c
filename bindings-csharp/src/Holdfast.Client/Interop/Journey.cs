namespace Holdfast.Interop;

/// <summary>How a request travelled: how often it was sent again, and which server answered (see <see cref="NativeClient.ServerOf"/>).</summary>
internal readonly struct Journey(uint retries, uint server)
{
    internal uint Retries { get; } = retries;

    internal uint Server { get; } = server;

    internal static Journey Of(ref readonly HfReply.Unmanaged reply) => new(reply.retries, reply.server);
}
