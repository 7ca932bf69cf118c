using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Holdfast;

/// <summary>The making of one value that all who ask for it wait for; it is cancelled when nobody does any more.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A token source without a timer holds nothing, and the factory may still use its token.")]
internal sealed class Flight<T>
{
    private static readonly ConcurrentDictionary<FlightKey, Flight<T>> InTheAir = new();

    private readonly Lock _guard = new();
    private readonly CancellationTokenSource _abandoned = new();
    private readonly FlightKey _key;
    private readonly TaskCompletionSource<T> _landed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _waiters;
    private bool _isOver;

    private Flight(FlightKey key, Connection owner)
    {
        _key = key;
        Owner = owner;
    }

    /// <summary>The connection of whoever started it.</summary>
    internal Connection Owner { get; }

    /// <summary>Joins the flight for a key or starts it; each join is followed by one <see cref="WaitAsync"/>.</summary>
    internal static Flight<T> Join(FlightKey key, Connection owner, Func<CancellationToken, Task<T>> make)
    {
        while (true)
        {
            if (InTheAir.TryGetValue(key, out Flight<T>? flight))
            {
                if (flight.TryBoard())
                {
                    return flight;
                }

                continue; // it is just ending; its entry goes before long
            }

            flight = new Flight<T>(key, owner);
            flight.TryBoard();
            if (InTheAir.TryAdd(key, flight))
            {
                _ = flight.FlyAsync(make);
                return flight;
            }
        }
    }

    /// <summary>Callers that wait for the value of a key now.</summary>
    internal static int WaitersOf(FlightKey key) =>
        InTheAir.TryGetValue(key, out Flight<T>? flight) ? Volatile.Read(ref flight._waiters) : 0;

    /// <summary>Waits for the value, as long as the waiting client is not disposed, whoever makes it.</summary>
    internal async Task<T> WaitAsync(Connection waiting, CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAny(_landed.Task, waiting.Closing).WaitAsync(cancellationToken).ConfigureAwait(false);
            ObjectDisposedException.ThrowIf(waiting.IsDisposed, typeof(HoldfastClient));
            return await _landed.Task.ConfigureAwait(false);
        }
        catch (OperationCanceledException error) when (cancellationToken.IsCancellationRequested && !_landed.Task.IsCanceled)
        {
            throw new HoldfastCanceledException(error.Message, HoldfastOutcome.Unknown, cancellationToken);
        }
        finally
        {
            Leave();
        }
    }

    private bool TryBoard()
    {
        lock (_guard)
        {
            if (_isOver)
            {
                return false;
            }

            _waiters++;
            return true;
        }
    }

    private void Leave()
    {
        lock (_guard)
        {
            if (--_waiters > 0 || _isOver)
            {
                return;
            }

            End();
        }

        _abandoned.Cancel();
    }

    private async Task FlyAsync(Func<CancellationToken, Task<T>> make)
    {
        try
        {
            T value = await make(_abandoned.Token).ConfigureAwait(false);
            Land();
            _landed.TrySetResult(value);
        }
        catch (OperationCanceledException error)
        {
            Land();
            _landed.TrySetCanceled(error.CancellationToken);
        }
#pragma warning disable CA1031 // whatever the factory throws belongs to those who wait
        catch (Exception error)
        {
            Land();
            _landed.TrySetException(error);
            _ = _landed.Task.Exception; // nobody may be left to observe it
        }
#pragma warning restore CA1031
    }

    private void Land()
    {
        lock (_guard)
        {
            if (!_isOver)
            {
                End();
            }
        }
    }

    /// <summary>From here on nobody joins: who asks next starts anew.</summary>
    private void End()
    {
        _isOver = true;
        InTheAir.TryRemove(new KeyValuePair<FlightKey, Flight<T>>(_key, this));
    }
}
