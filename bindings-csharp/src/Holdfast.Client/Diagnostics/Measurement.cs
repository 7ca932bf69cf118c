using System.Diagnostics;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>The time of one call, taken only while somebody listens; <see langword="default"/> measures nothing.</summary>
internal readonly struct Measurement
{
    private readonly long _started;
    private readonly string? _operation;
    private readonly OpenStore? _store;
    private readonly Activity? _activity;

    private Measurement(string operation, OpenStore store, Activity? activity)
    {
        _operation = operation;
        _store = store;
        _activity = activity;
        _started = Stopwatch.GetTimestamp();
    }

    internal bool IsOn => _operation is not null;

    internal static Measurement Begin(Op op, OpenStore store)
    {
        string operation = Telemetry.NameOf(op);
        Activity? activity = null;
        if (store.HasSpans && Telemetry.Spans.HasListeners())
        {
            // The call may pend while its caller makes others, which must not become its children.
            Activity? current = Activity.Current;
            activity = Telemetry.Spans.StartActivity(operation, ActivityKind.Client);
            Activity.Current = current;
        }

        return new Measurement(operation, store, activity);
    }

    /// <summary>Records the call.</summary>
    /// <param name="failure">What it failed with.</param>
    /// <param name="journey">What its reply says of its way.</param>
    /// <param name="ended">When the reply came, which is before whoever awaits it reads it.</param>
    internal void End(Exception? failure, Journey journey, long ended)
    {
        if (_operation is null)
        {
            return;
        }

        var tags = new TagList
        {
            { "db.system.name", "holdfast" },
            { "db.operation.name", _operation },
            { "db.namespace", _store!.Name },
        };
        if (_store.Native.ServerOf(journey.Server) is { } server)
        {
            tags.Add("server.address", server.Host);
            tags.Add("server.port", server.Port);
        }

        if (failure is not null)
        {
            tags.Add("error.type", (failure as IHoldfastError)?.Code.ToString() ?? failure.GetType().FullName);
        }

        TimeSpan duration = Stopwatch.GetElapsedTime(_started, ended);
        Telemetry.Duration.Record(duration.TotalSeconds, tags);
        if (_activity is not null)
        {
            EndSpan(_activity, in tags, failure, journey, duration);
        }
    }

    private void EndSpan(Activity activity, in TagList tags, Exception? failure, Journey journey, TimeSpan duration)
    {
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            activity.SetTag(tag.Key, tag.Value);
        }

        if (_store!.Native.IsRemote)
        {
            activity.SetTag("holdfast.retries", (int)journey.Retries);
        }

        if (failure is not null)
        {
            activity.SetStatus(ActivityStatusCode.Error);
        }

        // Stopping makes the span's parent the current one, wherever the caller has got to meanwhile.
        Activity? current = Activity.Current;
        activity.SetEndTime(activity.StartTimeUtc + duration);
        activity.Dispose();
        Activity.Current = current;
    }
}
