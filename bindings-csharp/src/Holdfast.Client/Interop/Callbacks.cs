using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Security.Cryptography;

namespace Holdfast.Interop;

/// <summary>
/// Where native threads enter managed code. No user code runs here, nothing is thrown out of here, and before the
/// process exits or this assembly is unloaded native code is told to stay out.
/// </summary>
internal static unsafe class Callbacks
{
    private const int SilencingStackBytes = 256 * 1024;

    // Unlike those of another copy of this assembly in the same process, which shares the native library.
    private static readonly ulong Origin = (ulong)RandomNumberGenerator.GetInt32(1, int.MaxValue) << 32;
    private static readonly ConcurrentDictionary<ulong, Registration> Live = new();
    private static readonly TimeSpan SilencingTime = TimeSpan.FromSeconds(2);
    private static uint s_last;

    static Callbacks()
    {
        AppDomain.CurrentDomain.ProcessExit += Silence;
        if (AssemblyLoadContext.GetLoadContext(typeof(Callbacks).Assembly) is { IsCollectible: true } context)
        {
            context.Unloading += Leave;
        }
    }

    /// <summary>The address of the completion callback.</summary>
    internal static nint Completed => (nint)(delegate* unmanaged[Cdecl]<ulong, HfReply.Unmanaged*, uint, void>)&OnCompleted;

    /// <summary>The address of the log callback.</summary>
    internal static nint Lines => (nint)(delegate* unmanaged[Cdecl]<ulong, HfLogLine.Unmanaged*, uint, void>)&OnLines;

    /// <summary>The context of the log callback.</summary>
    internal static ulong LogContext => Origin;

    /// <summary>Gets a number that a client's callbacks are called with.</summary>
    internal static Registration Register()
    {
        var registration = new Registration(Origin | Interlocked.Increment(ref s_last));
        Live[registration.Context] = registration;
        return registration;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    [SuppressMessage("Design", "CA1031", Justification = "An exception that leaves a native callback ends the process.")]
    private static void OnCompleted(ulong context, HfReply.Unmanaged* replies, uint count)
    {
        for (uint index = 0; index < count; index++)
        {
            try
            {
                if (replies[index].ticket != 0)
                {
                    Tickets.Complete(in replies[index]);
                }
                else if (Live.TryRemove(context, out Registration? registration))
                {
                    registration.SetClosed();
                }
            }
            catch
            {
                // Out of memory at worst; the call's waiter cannot be told.
            }
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    [SuppressMessage("Design", "CA1031", Justification = "An exception that leaves a native callback ends the process.")]
    private static void OnLines(ulong context, HfLogLine.Unmanaged* lines, uint count)
    {
        try
        {
            NativeLog.Take(new ReadOnlySpan<HfLogLine.Unmanaged>(lines, (int)count));
        }
        catch
        {
            // A line that is lost harms nobody.
        }
    }

    private static void Silence(object? sender, EventArgs arguments)
    {
        if (Live.IsEmpty && !NativeLog.IsOn)
        {
            return;
        }

        // Each on a thread of its own: one that waits for a running callback must not keep the others waiting.
        Thread[] threads = [.. Live.Keys.Append(LogContext).Select(static context =>
            new Thread(() => _ = Interop.hf_silence(context), SilencingStackBytes) { IsBackground = true })];
        foreach (Thread thread in threads)
        {
            thread.UnsafeStart();
        }

        long started = Stopwatch.GetTimestamp();
        foreach (Thread thread in threads)
        {
            TimeSpan left = SilencingTime - Stopwatch.GetElapsedTime(started);
            thread.Join(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
    }

    private static void Leave(AssemblyLoadContext context)
    {
        Silence(null, EventArgs.Empty);
        AppDomain.CurrentDomain.ProcessExit -= Silence;
        context.Unloading -= Leave;
        Tickets.EndAll();
        foreach (Registration registration in Live.Values)
        {
            registration.SetClosed();
        }

        Telemetry.Stop();
    }

    /// <summary>One open client, as its callbacks know it.</summary>
    internal sealed class Registration
    {
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal Registration(ulong context) => Context = context;

        internal ulong Context { get; }

        internal Task Closed => _closed.Task;

        internal void SetClosed() => _closed.TrySetResult();

        /// <summary>For a client that did not open: there will be no last completion.</summary>
        internal void Forget() => Live.TryRemove(Context, out _);
    }
}
