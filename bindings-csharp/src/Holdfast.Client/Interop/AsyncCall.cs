using System.Diagnostics;
using System.Threading.Tasks.Sources;

namespace Holdfast.Interop;

/// <summary>
/// A pending call that a <see cref="ValueTask{T}"/> waits for. Pooled: it returns only after its one completion and
/// its one <see cref="GetResult"/>; a call that nobody awaits is left to the garbage collector.
/// </summary>
internal sealed class AsyncCall<TResult, TReader> : PendingCall, IValueTaskSource<TResult>, IValueTaskSource, IThreadPoolWorkItem
    where TReader : struct, IReplyReader<TResult>
{
    private const int MostPooled = 256;

    /// <summary>The one that this thread read last: a thread mostly reads one reply and makes the next call.</summary>
    [ThreadStatic]
    private static AsyncCall<TResult, TReader>? s_atHand;

    private static readonly Lock PoolGuard = new();
    private static AsyncCall<TResult, TReader>? s_pool;
    private static int s_pooled;

    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = false };
    private TReader _reader;
    private Measurement _measurement;
    private AsyncCall<TResult, TReader>? _next;
    private int _isConsumed;
    private short _version;
    private long _ended;

    internal override bool KeepsArray => TReader.KeepsArray;

    /// <summary>Its one task; this or <see cref="TaskWithoutResult"/> is taken, once, by who started it.</summary>
    internal ValueTask<TResult> Task => new(this, _version);

    /// <summary>Its one task, without the result.</summary>
    internal ValueTask TaskWithoutResult => new(this, _version);

    internal static AsyncCall<TResult, TReader> Start(
        NativeClient client,
        Ticket ticket,
        ulong number,
        in TReader reader,
        in Measurement measurement,
        CancellationToken cancellationToken)
    {
        AsyncCall<TResult, TReader> call = Rent();
        call._reader = reader;
        if (measurement.IsOn)
        {
            call._measurement = measurement;
        }

        call._isConsumed = 0;

        call._version = call._core.Version;
        call.Await(client, ticket, number, cancellationToken);
        return call; // it returns to the pool only through its task, which nobody has yet
    }

    public ValueTaskSourceStatus GetStatus(short token)
    {
        ValueTaskSourceStatus status = _core.GetStatus(token);
        return status != ValueTaskSourceStatus.Succeeded ? status : ReplyStatus switch
        {
            Status.Ok => ValueTaskSourceStatus.Succeeded,
            Status.Cancelled => ValueTaskSourceStatus.Canceled,
            _ => ValueTaskSourceStatus.Faulted,
        };
    }

    public void OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags) => _core.OnCompleted(continuation, state, token, flags);

    public TResult GetResult(short token)
    {
        _core.GetResult(token);
        if (Interlocked.Exchange(ref _isConsumed, 1) != 0)
        {
            throw new InvalidOperationException("A ValueTask is awaited once; use AsTask() to share it.");
        }

        Exception? failure = null;
        try
        {
            return Read<TResult, TReader>(ref _reader);
        }
        catch (Exception error)
        {
            failure = error;
            throw;
        }
        finally
        {
            if (_measurement.IsOn)
            {
                _measurement.End(failure, Journey, _ended);
                _measurement = default;
            }

            Return();
        }
    }

    void IValueTaskSource.GetResult(short token) => _ = GetResult(token);

    /// <summary>On the thread pool: runs what awaits the call.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        GiveTicketBack();
        _core.SetResult(true);
    }

    protected override void Signal()
    {
        TakeTime();
        CompletedCalls.All.Add(this);
    }

    protected override void SignalEarly()
    {
        TakeTime();
        _core.SetResult(true); // nobody has its task yet, so no continuation runs here
    }

    private void TakeTime()
    {
        if (_measurement.IsOn)
        {
            _ended = Stopwatch.GetTimestamp();
        }
    }

    private static AsyncCall<TResult, TReader> Rent()
    {
        if (s_atHand is { } atHand)
        {
            s_atHand = null;
            return atHand;
        }

        lock (PoolGuard)
        {
            if (s_pool is { } call)
            {
                s_pool = call._next;
                call._next = null;
                s_pooled--;
                return call;
            }
        }

        return new AsyncCall<TResult, TReader>();
    }

    private void Return()
    {
        _reader = default;
        Clear();
        if (!MayBeReused)
        {
            return;
        }

        _core.Reset();
        if (s_atHand is null)
        {
            s_atHand = this;
            return;
        }

        lock (PoolGuard)
        {
            if (s_pooled < MostPooled)
            {
                _next = s_pool;
                s_pool = this;
                s_pooled++;
            }
        }
    }
}
