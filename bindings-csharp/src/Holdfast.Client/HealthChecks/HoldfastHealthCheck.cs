using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Holdfast;

/// <summary>
/// Pings the node that a client talks to, and has it open the client's store. What went wrong is in the result's data: the error's code and where the node
/// was sought. Nothing in it is secret.
/// </summary>
internal sealed class HoldfastHealthCheck(Func<HoldfastClient> client, TimeSpan timeout) : IHealthCheck
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(2);

    /// <summary>What opening the store gets at least: 0 would stand for the client's own timeout.</summary>
    private static readonly TimeSpan LeastTime = TimeSpan.FromMilliseconds(1);

    /// <summary>Registers a check of the client that <paramref name="client"/> finds when it runs.</summary>
    internal static IHealthChecksBuilder Register(
        IHealthChecksBuilder builder,
        string name,
        Func<IServiceProvider, HoldfastClient> client,
        HealthStatus? failureStatus,
        IEnumerable<string>? tags,
        TimeSpan? timeout)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        TimeSpan within = timeout ?? DefaultTimeout;
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(within, TimeSpan.Zero, nameof(timeout));
        return builder.Add(new HealthCheckRegistration(
            name,
            services => new HoldfastHealthCheck(() => client(services), within),
            failureStatus,
            tags));
    }

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(context);
        HoldfastClient? asked = null;
        long started = Stopwatch.GetTimestamp();
        try
        {
            asked = client();
            HoldfastPing ping = await asked.PingAsync(new RequestOptions { Timeout = timeout }, cancellationToken).ConfigureAwait(false);
            TimeSpan left = timeout - Stopwatch.GetElapsedTime(started);
            await asked.ConnectStoreAsync(left > LeastTime ? left : LeastTime, cancellationToken).ConfigureAwait(false);
            return HealthCheckResult.Healthy(
                string.Create(CultureInfo.InvariantCulture, $"Node '{ping.NodeName}' answered in {ping.RoundTrip.TotalMilliseconds:0.###} ms."),
                DataOf(ping));
        }
        catch (Exception error) when (error is IHoldfastError or ObjectDisposedException && !cancellationToken.IsCancellationRequested)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, error.Message, error, DataOf(error, asked));
        }
    }

    private static Dictionary<string, object> DataOf(HoldfastPing ping)
    {
        var data = new Dictionary<string, object>
        {
            ["node"] = ping.NodeName,
            ["roundTripMs"] = ping.RoundTrip.TotalMilliseconds,
            ["epoch"] = ping.Epoch,
        };
        if (ping.Endpoint is { } endpoint)
        {
            data["endpoint"] = endpoint.ToString();
        }

        return data;
    }

    private static Dictionary<string, object> DataOf(Exception error, HoldfastClient? asked)
    {
        var data = new Dictionary<string, object>
        {
            ["code"] = ((error as IHoldfastError)?.Code ?? HoldfastErrorCode.Closed).ToString(),
        };
        if (asked?.EndpointsText is { Length: > 0 } endpoints)
        {
            data["endpoint"] = endpoints;
        }

        return data;
    }
}
