using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace Holdfast.Tests.Boundary;

[Collection(Alone.Name)]
public class UnloadTests
{
    [Fact]
    public async Task a_collectible_context_loads_uses_and_unloads_the_client_a_hundred_times()
    {
        var contexts = new List<WeakReference>();
        for (int round = 0; round < 100; round++)
        {
            contexts.Add(UseOnce(leaveOpen: round % 2 == 0));
        }

        // The last may still be held by a thread that was just in it; a client that was left open is stopped by threads of
        // its own, which hold its context until they end.
        await Eventually.IsTrueAsync(() => Collected(contexts) >= contexts.Count - 2, "all but two contexts are unloaded");
    }

    private static int Collected(List<WeakReference> contexts)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return contexts.Count(static context => !context.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference UseOnce(bool leaveOpen)
    {
        var context = new OwnClient();
        Assembly tests = context.LoadFromAssemblyPath(typeof(UnloadTests).Assembly.Location);
        MethodInfo use = tests.GetType(typeof(UnloadTests).FullName!)!.GetMethod(nameof(Use), BindingFlags.NonPublic | BindingFlags.Static)!;
        use.Invoke(null, [leaveOpen]);
        context.Unload();
        return new WeakReference(context);
    }

    private static void Use(bool leaveOpen)
    {
        Assert.True(AssemblyLoadContext.GetLoadContext(typeof(HoldfastClient).Assembly)!.IsCollectible);
        var echo = new Echo();
        Assert.Equal("in another context", echo.Call(Interop.EchoMode.OtherThread, "in another context"));
        _ = echo.CallAsync(Interop.EchoMode.Hold, "held").AsTask();
        HoldfastClient client = HoldfastClient.Create(new HoldfastClientOptions { ConnectionString = TestNode.ConnectionString() });
        client.Put("key", "value");
        Assert.Equal("value", client.Get<string>("key"));
        if (!leaveOpen)
        {
            client.Dispose();
            echo.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds(30));
        }
    }

    private sealed class OwnClient() : AssemblyLoadContext("unload test", isCollectible: true)
    {
        protected override Assembly? Load(AssemblyName assemblyName) => assemblyName.Name == "Holdfast.Client"
            ? LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, "Holdfast.Client.dll"))
            : null;
    }
}
