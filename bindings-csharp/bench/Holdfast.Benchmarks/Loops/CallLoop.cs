namespace Holdfast.Benchmarks.Loops;

/// <summary>Makes one kind of call again and again, key after key. Each thread has its own.</summary>
internal abstract class CallLoop
{
    /// <summary>Makes so many calls.</summary>
    internal abstract void Repeat(int calls);
}

/// <summary>The loop around one kind of call, compiled for it alone.</summary>
internal sealed class CallLoop<TCall>(TCall call, string[] keys, int start = 0) : CallLoop
    where TCall : struct, ICall
{
    private int _next = start;

    internal override void Repeat(int calls)
    {
        // In a local while it runs: the loops of two threads may lie in one cache line.
        int next = _next;
        for (int count = 0; count < calls; count++)
        {
            call.Make(keys[next]);
            next = next + 1 == keys.Length ? 0 : next + 1;
        }

        _next = next;
    }
}
