using System.Diagnostics;

namespace Holdfast.Tests;

/// <summary>Waits for a condition that another thread brings about.</summary>
internal static class Eventually
{
    internal static async Task IsTrueAsync(Func<bool> condition, string what)
    {
        var waited = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(30), $"after 30 s still not: {what}");
            await Task.Yield();
            Thread.Yield();
        }
    }
}
