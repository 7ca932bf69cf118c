using System.Diagnostics;

namespace Holdfast.Extensions.Caching.Tests;

/// <summary>Waits for what another thread is about to do.</summary>
internal static class Eventually
{
    internal static Task True(Func<bool> condition) => True(() => Task.FromResult(condition()));

    internal static async Task True(Func<Task<bool>> condition)
    {
        var waited = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(30), "It did not happen within 30 seconds.");
            await Task.Yield();
        }
    }
}
