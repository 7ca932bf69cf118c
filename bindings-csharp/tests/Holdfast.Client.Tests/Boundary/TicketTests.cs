using Holdfast.Interop;

namespace Holdfast.Tests.Boundary;

[Collection(Alone.Name)]
public class TicketTests
{
    [Fact]
    public void a_completion_of_a_stale_or_unknown_ticket_is_dropped_and_counted()
    {
        long strays = Tickets.Strays;
        foreach (ulong ticket in (ulong[])[0xffff_ffff, (77UL << 32) | 0, ulong.MaxValue])
        {
            var reply = new HfReply.Unmanaged { ticket = ticket };
            Tickets.Complete(in reply);
        }

        Assert.Equal(strays + 3, Tickets.Strays);
    }

    [Fact]
    public void a_ticket_that_completes_twice_completes_its_waiter_once()
    {
        long strays = Tickets.Strays;
        Ticket ticket = Tickets.AtHand();
        ulong number = ticket.Number;
        Tickets.Spend();
        var waiter = new Waiter();
        waiter.Await(null!, ticket, number, CancellationToken.None);
        var reply = new HfReply.Unmanaged { ticket = number };
        Tickets.Complete(in reply);
        Tickets.Complete(in reply);
        Assert.Equal(1, waiter.Signals);
        Assert.Equal(strays + 1, Tickets.Strays);
    }

    [Fact]
    public void a_reply_that_is_faster_than_its_waiter_reaches_it()
    {
        Ticket ticket = Tickets.AtHand();
        ulong number = ticket.Number;
        Tickets.Spend();
        var reply = new HfReply.Unmanaged { ticket = number };
        Tickets.Complete(in reply);
        var waiter = new Waiter();
        waiter.Await(null!, ticket, number, CancellationToken.None);
        Assert.Equal(1, waiter.Signals);
    }

    [Fact]
    public async Task a_thousand_threads_that_end_leave_their_tickets_for_others()
    {
        await using var echo = new Echo();
        void OneThread()
        {
            var thread = new Thread(() => echo.Call(EchoMode.Inline, "k"));
            thread.Start();
            thread.Join();
        }

        for (int index = 0; index < 100; index++)
        {
            OneThread();
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        long made = Tickets.Made;
        for (int round = 0; round < 10; round++)
        {
            for (int index = 0; index < 100; index++)
            {
                OneThread();
            }

            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.InRange(Tickets.Made, made, made + 200);
    }

    [Fact]
    public async Task the_tickets_of_waits_that_were_interrupted_come_back_with_their_completions()
    {
        async Task RoundAsync()
        {
            await using var echo = new Echo();
            _ = echo.Call(EchoMode.Deferred, "k");
            for (int index = 0; index < 100; index++)
            {
                Exception? thrown = null;
                var thread = new Thread(() => thrown = Record.Exception(() => echo.Call(EchoMode.Hold, "k")));
                thread.Start();
                await Eventually.IsTrueAsync(() => (thread.ThreadState & System.Threading.ThreadState.WaitSleepJoin) != 0, "the thread waits");
                thread.Interrupt();
                thread.Join();
                Assert.IsType<ThreadInterruptedException>(thrown);
            }
        }

        await RoundAsync();
        long made = Tickets.Made;
        for (int round = 0; round < 5; round++)
        {
            await RoundAsync();
        }

        Assert.InRange(Tickets.Made, made, made + 200);
    }

    private sealed class Waiter : PendingCall
    {
        internal int Signals { get; private set; }

        internal override bool KeepsArray => false;

        protected override void Signal() => Signals++;

        protected override void SignalEarly() => Signals++;
    }
}
