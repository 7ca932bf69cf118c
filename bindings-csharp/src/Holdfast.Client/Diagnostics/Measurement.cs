using System.Diagnostics;
using Holdfast.Interop;

namespace Holdfast;

/// <summary>The time of one call, taken only while somebody listens; <see langword="default"/> measures nothing.</summary>
internal readonly struct Measurement
{
    private readonly long _started;
    private readonly string? _operation;
    private readonly string? _store;
    private readonly Activity? _activity;

    private Measurement(string operation, string store, Activity? activity)
    {
        _operation = operation;
        _store = store;
        _activity = activity;
        _started = Stopwatch.GetTimestamp();
    }

    internal static Measurement Begin(Op op, OpenStore store)
    {
        string operation = Telemetry.NameOf(op);
        Activity? activity = null;
        if (store.HasSpans && Telemetry.Spans.HasListeners())
        {
            activity = Telemetry.Spans.StartActivity(operation, ActivityKind.Client);
            activity?.SetTag("db.system.name", "holdfast");
            activity?.SetTag("db.operation.name", operation);
            activity?.SetTag("db.namespace", store.Name);
        }

        return new Measurement(operation, store.Name, activity);
    }

    internal void End(Exception? failure)
    {
        if (_operation is null)
        {
            return;
        }

        string? error = failure is null ? null : (failure as IHoldfastError)?.Code.ToString() ?? failure.GetType().FullName;
        var tags = new TagList
        {
            { "db.system.name", "holdfast" },
            { "db.operation.name", _operation },
            { "db.namespace", _store },
        };
        if (error is not null)
        {
            tags.Add("error.type", error);
            _activity?.SetTag("error.type", error);
            _activity?.SetStatus(ActivityStatusCode.Error);
        }

        Telemetry.Duration.Record(Stopwatch.GetElapsedTime(_started).TotalSeconds, tags);
        _activity?.Dispose();
    }
}
