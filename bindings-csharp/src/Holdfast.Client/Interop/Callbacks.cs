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
    internal static Registration Register(ConnectionStates? states)
    {
        var registration = new Registration(Origin | Interlocked.Increment(ref s_last), states);
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
                else if ((Status)replies[index].status == Status.State)
                {
                    TakeState(context, in replies[index]);
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

            // At the end; in a long batch the first ones do not wait for the last ones' data to be copied.
            if (index % CompletedCalls.MostPerItem == CompletedCalls.MostPerItem - 1)
            {
                Publish();
            }
        }

        Publish();
    }

    [SuppressMessage("Design", "CA1031", Justification = "An exception that leaves a native callback ends the process.")]
    private static void Publish()
    {
        try
        {
            CompletedCalls.All.Publish();
        }
        catch
        {
            // Out of memory; the next callback tries again.
        }
    }

    private static void TakeState(ulong context, ref readonly HfReply.Unmanaged fields)
    {
        try
        {
            if (Live.TryGetValue(context, out Registration? registration))
            {
                var data = new ReadOnlySpan<byte>((void*)fields.data, checked((int)fields.data_length));
                registration.States?.Take(new Reply(in fields, data));
            }
        }
        finally
        {
            if (fields.release != 0)
            {
                Interop.hf_reply_release(fields.release);
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

        // Whoever waits, or calls from a handler of this event that comes later, would keep the process for ever.
        Tickets.EndAll();
        foreach (Registration registration in Live.Values)
        {
            registration.SetClosed();
        }
    }

    private static void Leave(AssemblyLoadContext context)
    {
        Silence(null, EventArgs.Empty);
        AppDomain.CurrentDomain.ProcessExit -= Silence;
        context.Unloading -= Leave;
        Telemetry.Stop();
    }

    /// <summary>One open client, as its callbacks know it.</summary>
    internal sealed class Registration
    {
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        // Weakly: what the application hangs on the events may hold the client, which must be able to be finalized.
        private readonly WeakReference<ConnectionStates>? _states;

        internal Registration(ulong context, ConnectionStates? states)
        {
            Context = context;
            _states = states is null ? null : new WeakReference<ConnectionStates>(states);
        }

        internal ulong Context { get; }

        internal ConnectionStates? States => _states is not null && _states.TryGetTarget(out ConnectionStates? states) ? states : null;

        internal Task Closed => _closed.Task;

        internal void SetClosed() => _closed.TrySetResult();

        /// <summary>For a client that did not open: there will be no last completion.</summary>
        internal void Forget() => Live.TryRemove(Context, out _);
    }
}
