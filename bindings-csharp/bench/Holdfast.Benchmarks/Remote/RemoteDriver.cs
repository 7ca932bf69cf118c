using System.Globalization;
using Holdfast.Benchmarks.Workload;

namespace Holdfast.Benchmarks.Remote;

/// <summary>
/// Holdfast's client and server beside StackExchange.Redis and redis-server: in short turns, one contestant after the
/// other, so that what else the machine does meets both.
/// </summary>
internal static class RemoteDriver
{
    internal static void Run(Arguments arguments)
    {
        int rounds = arguments.Number("rounds", 7);
        var time = TimeSpan.FromSeconds(arguments.Number("seconds", 3));
        int flowPerSecond = arguments.Number("big-per-second", 100);
        string only = arguments.Word("only", "both", "holdfast", "redis");
        string node = arguments.Text("holdfast", "holdfast://127.0.0.1:17002").TrimEnd('/');
        string storeClass = arguments.Word("class", "coordination", "cache");
        string redis = arguments.Text("redis", "127.0.0.1:17001");
        int nodeProcess = ProcessNamed(arguments.Text("holdfast-pid", string.Empty), "holdfast-pid");
        int redisProcess = ProcessNamed(arguments.Text("redis-pid", string.Empty), "redis-pid");
        string output = arguments.Text("output", string.Empty);
        string[] names = arguments.Names([.. RemoteRow.All.Select(static row => row.Name)]);
        arguments.RequireNothingLeft();
        if (output.Length > 0 && only != "both")
        {
            throw new ArgumentsException("A table needs both contestants: '--output' does not go with '--only'.");
        }

        bool isEmbedded = node.EndsWith("//embedded", StringComparison.Ordinal);
        if (output.Length > 0 && (redisProcess == 0 || (nodeProcess == 0 && !isEmbedded)))
        {
            throw new ArgumentsException(
                "A table has the servers' processor time in it: '--output' needs '--holdfast-pid' and '--redis-pid'.");
        }

        RunAsync().GetAwaiter().GetResult();

        async Task RunAsync()
        {
            var sides = new List<RemoteSide>();
            try
            {
                if (only != "redis")
                {
                    sides.Add(await HoldfastRemote.ConnectAsync(node, storeClass, nodeProcess));
                }

                if (only != "holdfast")
                {
                    sides.Add(await RedisRemote.ConnectAsync(redis, redisProcess));
                }

                var contest = new RemoteContest(sides, rounds, time, flowPerSecond);
                IEnumerable<RemoteRow> rows = RemoteRow.All.Where(row => names is [] || names.Contains(row.Name));
                RowResult[] results = [.. rows.Select(contest.Hold).OfType<RowResult>()];
                if (output.Length > 0)
                {
                    var conditions = new RemoteConditions(
                        [.. sides.Select(static side => side.Description)], rounds, time.TotalSeconds, flowPerSecond);
                    RemoteReport.Write(Directory.CreateDirectory(output), conditions, results);
                }
            }
            finally
            {
                foreach (RemoteSide side in sides)
                {
                    await side.DisposeAsync();
                }
            }
        }
    }

    /// <summary>The id of a server's process; without one its processor time does not count.</summary>
    private static int ProcessNamed(string text, string option)
    {
        if (text.Length == 0)
        {
            return 0;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int process)
            ? process
            : throw new ArgumentsException($"Option '--{option}' takes the id of a process, not '{text}'.");
    }
}
