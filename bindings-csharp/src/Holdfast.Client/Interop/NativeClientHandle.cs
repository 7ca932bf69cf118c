using System.Runtime.InteropServices;

namespace Holdfast.Interop;

/// <summary>
/// Owns an open native client, for closing only: calls name it by number, and one that is closed answers so. That
/// spares every call the counting of references.
/// </summary>
internal sealed class NativeClientHandle : SafeHandle
{
    private readonly Callbacks.Registration _registration;

    internal NativeClientHandle(ulong number, Callbacks.Registration registration)
        : base(0, ownsHandle: true)
    {
        Number = number;
        _registration = registration;
        SetHandle(1); // any value but 0: the number itself need not fit a pointer
    }

    public override bool IsInvalid => handle == 0;

    internal ulong Number { get; }

    /// <summary>Done when the last completion came and nothing follows it.</summary>
    internal Task Closed => _registration.Closed;

    protected override bool ReleaseHandle()
    {
        _ = Interop.hf_close(Number);
        return true;
    }
}
