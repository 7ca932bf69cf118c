using System.Runtime.CompilerServices;

namespace Holdfast.Interop;

/// <summary>
/// The table of all tickets of the process. A thread keeps one ticket at hand: a request that completes at once
/// leaves it as it was, so that such calls never touch the table.
/// </summary>
internal static class Tickets
{
    [ThreadStatic]
    private static Ticket? s_atHand;

    [ThreadStatic]
    private static ThreadTicket? s_keeper;

    private static readonly Lock Guard = new();
    private static readonly Lock Ending = new();
    private static readonly Stack<Ticket> Free = new();
    private static Ticket?[] s_table = new Ticket?[64];
    private static uint s_count;
    private static long s_strays;
    private static bool s_haveEnded;

    /// <summary>Completions that named no pending ticket: none, unless native code breaks its promise.</summary>
    internal static long Strays => Volatile.Read(ref s_strays);

    /// <summary>Tickets made so far; bounded by the most that were in use at once.</summary>
    internal static long Made
    {
        get
        {
            lock (Guard)
            {
                return s_count;
            }
        }
    }

    /// <summary>This thread's ticket, for the request that it submits next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Ticket AtHand() => s_atHand ?? TakeAtHand();

    /// <summary>This thread's ticket became pending: the next request needs another.</summary>
    internal static void Spend()
    {
        s_keeper!.Ticket = null;
        s_atHand = null;
    }

    /// <summary>Completes what a reply names.</summary>
    internal static void Complete(ref readonly HfReply.Unmanaged reply)
    {
        Ticket?[] table = Volatile.Read(ref s_table);
        uint index = (uint)reply.ticket;
        Ticket? ticket = index < (uint)table.Length ? table[index] : null;
        if (ticket is not null && ticket.TryClaim((uint)(reply.ticket >> 32)))
        {
            ticket.Complete(in reply);
            return;
        }

        Interlocked.Increment(ref s_strays);
        if (reply.release != 0)
        {
            Interop.hf_reply_release(reply.release);
        }
    }

    /// <summary>
    /// Ends what is pending after native code was silenced, and from now on whatever becomes pending: no completion
    /// comes for it any more.
    /// </summary>
    internal static void EndAll()
    {
        lock (Ending)
        {
            Volatile.Write(ref s_haveEnded, true);
            Interlocked.MemoryBarrier(); // a waiter is seen here, or sees that all have ended
            foreach (Ticket? ticket in Volatile.Read(ref s_table))
            {
                if (ticket is not null)
                {
                    // Before it is looked at: one that is completed in between has another number.
                    ulong number = ticket.Number;
                    if (ticket.IsAwaited)
                    {
                        End(number);
                    }
                }
            }
        }

        CompletedCalls.All.Publish();
    }

    /// <summary>Ends a pending request, which has its waiter, at once if all have ended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void EndIfAllHave(ulong number)
    {
        if (Volatile.Read(ref s_haveEnded))
        {
            EndLate(number);
        }
    }

    private static void EndLate(ulong number)
    {
        lock (Ending)
        {
            End(number);
        }

        CompletedCalls.All.Publish();
    }

    private static void End(ulong number)
    {
        var closed = new HfReply.Unmanaged { ticket = number, status = (uint)Status.Closed };
        Complete(in closed);
    }

    /// <summary>
    /// Takes back the ticket of a completed request, on the thread that goes on with what waited for it: the request
    /// which that makes next finds the ticket at hand, and the table's lock is for the others.
    /// </summary>
    internal static void GiveBack(Ticket ticket)
    {
        if (s_atHand is null && s_keeper is { } keeper)
        {
            s_atHand = keeper.Ticket = ticket;
            return;
        }

        Return(ticket);
    }

    private static void Return(Ticket ticket)
    {
        lock (Guard)
        {
            Free.Push(ticket);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Ticket TakeAtHand()
    {
        ThreadTicket keeper = s_keeper ??= new ThreadTicket();
        return s_atHand = keeper.Ticket = Rent();
    }

    private static Ticket Rent()
    {
        lock (Guard)
        {
            if (Free.TryPop(out Ticket? ticket))
            {
                return ticket;
            }

            if (s_count == s_table.Length)
            {
                var larger = new Ticket?[s_table.Length * 2];
                s_table.CopyTo(larger, 0);
                Volatile.Write(ref s_table, larger);
            }

            ticket = new Ticket(s_count);
            s_table[s_count++] = ticket;
            return ticket;
        }
    }

    /// <summary>Gives the ticket of a thread that has ended back to the table.</summary>
    private sealed class ThreadTicket
    {
        ~ThreadTicket()
        {
            if (Ticket is { } ticket)
            {
                Return(ticket);
            }
        }

        internal Ticket? Ticket { get; set; }
    }
}
