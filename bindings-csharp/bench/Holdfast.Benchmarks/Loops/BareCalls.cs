using Holdfast.Benchmarks.Calls;

namespace Holdfast.Benchmarks.Loops;

/// <summary>A request through the ABI that is answered in the call.</summary>
internal readonly struct InlineEchoCall(EchoCalls echo) : ICall
{
    public void Make(string key) => echo.Inline();
}

/// <summary>A call into native code that does nothing.</summary>
internal readonly struct EmptyCall : ICall
{
    public void Make(string key) => _ = EchoCalls.Empty();
}

/// <summary>Arithmetic that shares nothing: how well this machine runs two threads at all.</summary>
internal struct Computation() : ICall
{
    private ulong _word = 1;

    public void Make(string key)
    {
        ulong word = _word;
        for (int step = 0; step < 64; step++)
        {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
        }

        _word = word;
    }
}
