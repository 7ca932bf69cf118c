using Failover.Shop;

namespace Failover.Experiment;

/// <summary>Kills the leader while the shop works, and looks for every order that was acknowledged.</summary>
public static class LeaderKill
{
    /// <summary>Runs it; 0 when nothing that was acknowledged is missing, else 1.</summary>
    public static async Task<int> RunAsync(Options options, TextWriter output, CancellationToken cancelled)
    {
        await using var nodes = await ThreeNodes.StartAsync(cancelled);
        using var leader = new Leader();
        await using var shop = await ShopApplication.StartAsync($"holdfast://{nodes.Endpoints}/orders", cancelled);
        using var customers = new Customers(new Uri(shop.Urls.First()), options.Customers);
        await output.WriteLineAsync(
            $"""
            Three nodes form a cluster: {nodes.Endpoints}.
            {options.Customers} customers of an ASP.NET application on {shop.Urls.First()} order for {options.Seconds} s.
            """);

        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        var ordering = customers.OrderAsync(enough.Token);
        try
        {
            var third = TimeSpan.FromSeconds(options.Seconds / 3.0);
            await Task.Delay(third, cancelled);
            var (port, before) = (leader.Port, customers.Acknowledged);
            var killed = await nodes.KillAsync(port);
            await output.WriteLineAsync($"Node {killed}, which leads, is killed after {before} orders.");
            await Task.Delay(third, cancelled);
            await output.WriteLineAsync($"The node at port {leader.Port} leads now.");
            await nodes.StartAgainAsync(killed, cancelled);
            await output.WriteLineAsync($"Node {killed} was started again, empty, and has its copies from the others.");
            await Task.Delay(third, cancelled);
        }
        finally
        {
            await enough.CancelAsync();
            await ordering;
        }

        var readBack = await customers.ReadBackAsync(cancelled);
        var missing = customers.Acknowledged - readBack;
        await output.WriteLineAsync(
            $"""

            acknowledged    {customers.Acknowledged}
            read back       {readBack}
            missing         {missing}
            failed          {customers.Failed}
            longest pause   {customers.LongestWait.TotalSeconds:0.00} s (half of the orders took less than {customers.MedianWait.TotalMilliseconds:0.0} ms)
            """);
        await shop.StopAsync(cancelled);
        return missing == 0 ? 0 : 1;
    }
}
