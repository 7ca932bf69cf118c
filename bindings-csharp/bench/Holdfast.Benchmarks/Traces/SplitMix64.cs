namespace Holdfast.Benchmarks.Traces;

/// <summary>Steele, Lea and Flood's generator: the same numbers in every language.</summary>
internal struct SplitMix64(ulong state)
{
    private ulong _state = state;

    /// <summary>A number from 0 to below 1.</summary>
    internal double Fraction()
    {
        _state += 0x9e37_79b9_7f4a_7c15;
        ulong word = _state;
        word = (word ^ (word >> 30)) * 0xbf58_476d_1ce4_e5b9;
        word = (word ^ (word >> 27)) * 0x94d0_49bb_1331_11eb;
        word ^= word >> 31;
        return (word >> 11) / (double)(1UL << 53);
    }
}
