using System.Threading.Tasks.Sources;

namespace Holdfast.Interop;

/// <summary>
/// A pending call that a <see cref="ValueTask{T}"/> waits for. Pooled: it returns only after its one completion and
/// its one <see cref="GetResult"/>; a call that nobody awaits is left to the garbage collector.
/// </summary>
internal sealed class AsyncCall<TResult, TReader> : PendingCall, IValueTaskSource<TResult>
    where TReader : struct, IReplyReader<TResult>
{
    private const int MostPooled = 256;

    private static readonly Lock PoolGuard = new();
    private static AsyncCall<TResult, TReader>? s_pool;
    private static int s_pooled;

    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private TReader _reader;
    private Measurement _measurement;
    private AsyncCall<TResult, TReader>? _next;
    private int _isConsumed;

    internal override bool KeepsArray => TReader.KeepsArray;

    internal static ValueTask<TResult> Start(
        NativeClient client,
        Ticket ticket,
        ulong number,
        in TReader reader,
        in Measurement measurement,
        CancellationToken cancellationToken)
    {
        AsyncCall<TResult, TReader> call = Rent();
        call._reader = reader;
        call._measurement = measurement;
        call._isConsumed = 0;

        // The version before the call can complete: afterwards the call may already be another's.
        var task = new ValueTask<TResult>(call, call._core.Version);
        call.Await(client, ticket, number, cancellationToken);
        return task;
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
            _measurement.End(failure);
            Return();
        }
    }

    protected override void Signal() => _core.SetResult(true);

    private static AsyncCall<TResult, TReader> Rent()
    {
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
        _measurement = default;
        Clear();
        if (!MayBeReused)
        {
            return;
        }

        _core.Reset();
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
